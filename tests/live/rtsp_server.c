/* Cameras for tests: RTSP or RTSPS by GStreamer's own server, MJPEG by HTTP, with the faults that cameras have.
 *
 *   rtsp_server [--mounts N] [--clip FILE] [--size WxH] [--fps N] [--key FRAMES] [--port N]
 *                 [--user U --password P [--digest]] [--tls CERT KEY] [--http PORT] [--words FIFO]
 *
 * Serves /cam0, /cam1 ... (a moving ball, or the clip's own H.264) and prints "ready". Its standard input, or the FIFO, takes words:
 *   stall, resume     nothing more is sent, connections stay; as before
 *   slow              a picture a second
 *   garbage           most bytes of most pictures are changed
 *   drop              all clients are cut off
 * It ends with its standard input. */
#include <fcntl.h>
#include <gio/gio.h>
#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mode { MODE_FINE, MODE_STALL, MODE_SLOW, MODE_GARBAGE };

static struct {
    int mounts, width, height, fps, key, port, http;
    const char *clip, *user, *password, *cert, *private_key, *words;
    gboolean is_digest;
} o = {.mounts = 1, .width = 320, .height = 240, .fps = 15, .key = 15, .port = 8554};

static gint mode; /* atomic */
static GstRTSPServer *server;

/* --- faults --- */

static void spoil(GstPadProbeInfo *info)
{
    GstBuffer *b = gst_buffer_make_writable(GST_PAD_PROBE_INFO_BUFFER(info));
    GstMapInfo map;
    if (gst_buffer_map(b, &map, GST_MAP_WRITE)) {
        for (gsize i = 12; i < map.size; i++)
            if (g_random_int_range(0, 4))
                map.data[i] = (guint8)g_random_int();
        gst_buffer_unmap(b, &map);
    }
    GST_PAD_PROBE_INFO_DATA(info) = b;
}

static GstPadProbeReturn on_picture(GstPad *pad, GstPadProbeInfo *info, gpointer last_sent)
{
    gint64 *last = last_sent, now = g_get_monotonic_time();
    switch (g_atomic_int_get(&mode)) {
    case MODE_STALL: return GST_PAD_PROBE_DROP;
    case MODE_SLOW:
        if (now - *last < G_USEC_PER_SEC)
            return GST_PAD_PROBE_DROP;
        break;
    case MODE_GARBAGE:
        if (g_random_int_range(0, 10))
            spoil(info);
        break;
    default: break;
    }
    *last = now;
    return GST_PAD_PROBE_OK;
}

static void on_media(GstRTSPMediaFactory *f, GstRTSPMedia *media, gpointer data)
{
    GstElement *bin = gst_rtsp_media_get_element(media), *gate = gst_bin_get_by_name(GST_BIN(bin), "gate");
    GstPad *pad = gst_element_get_static_pad(gate, "src");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_picture, g_new0(gint64, 1), g_free);
    gst_object_unref(pad);
    gst_object_unref(gate);
    gst_object_unref(bin);
}

static GstRTSPFilterResult cut(GstRTSPServer *s, GstRTSPClient *client, gpointer data)
{
    return GST_RTSP_FILTER_REMOVE;
}

/* --- RTSP --- */

static void allow_user(GstRTSPMediaFactory *f)
{
    gst_rtsp_media_factory_add_role(f, "user", GST_RTSP_PERM_MEDIA_FACTORY_ACCESS, G_TYPE_BOOLEAN, TRUE,
                                    GST_RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, G_TYPE_BOOLEAN, TRUE, NULL);
}

static void add_mount(GstRTSPMountPoints *mounts, int i)
{
    GstRTSPMediaFactory *f = gst_rtsp_media_factory_new();
    gchar *path = g_strdup_printf("/cam%d", i), *launch;
    if (o.clip)
        launch = g_strdup_printf("( filesrc location=\"%s\" ! qtdemux ! h264parse ! identity name=gate ! "
                                 "rtph264pay name=pay0 pt=96 config-interval=1 )", o.clip);
    else
        launch = g_strdup_printf("( videotestsrc is-live=true pattern=ball ! video/x-raw,width=%d,height=%d,framerate=%d/1 ! "
                                 "x264enc tune=zerolatency speed-preset=ultrafast bitrate=400 key-int-max=%d threads=1 ! "
                                 "video/x-h264,profile=baseline ! identity name=gate ! rtph264pay name=pay0 pt=96 config-interval=1 )",
                                 o.width, o.height, o.fps, o.key);
    gst_rtsp_media_factory_set_launch(f, launch);
    gst_rtsp_media_factory_set_shared(f, !o.clip);
    if (o.user || o.cert)
        allow_user(f);
    g_signal_connect(f, "media-configure", G_CALLBACK(on_media), NULL);
    gst_rtsp_mount_points_add_factory(mounts, path, f);
    g_free(launch);
    g_free(path);
}

static GstRTSPAuth *make_auth(void)
{
    GstRTSPAuth *auth = gst_rtsp_auth_new();
    GstRTSPToken *token = gst_rtsp_token_new(GST_RTSP_TOKEN_MEDIA_FACTORY_ROLE, G_TYPE_STRING, "user", NULL);
    if (o.user) {
        gchar *basic = gst_rtsp_auth_make_basic(o.user, o.password);
        gst_rtsp_auth_set_supported_methods(auth, o.is_digest ? GST_RTSP_AUTH_DIGEST : GST_RTSP_AUTH_BASIC);
        if (o.is_digest)
            gst_rtsp_auth_add_digest(auth, o.user, o.password, token);
        else
            gst_rtsp_auth_add_basic(auth, basic, token);
        g_free(basic);
    } else {
        gst_rtsp_auth_set_default_token(auth, token);
    }
    gst_rtsp_token_unref(token);
    if (o.cert) {
        GError *error = NULL;
        GTlsCertificate *cert = g_tls_certificate_new_from_files(o.cert, o.private_key, &error);
        if (!cert) {
            fprintf(stderr, "rtsp_server: %s\n", error->message);
            exit(1);
        }
        gst_rtsp_auth_set_tls_certificate(auth, cert);
        g_object_unref(cert);
    }
    return auth;
}

static void start_rtsp(void)
{
    gchar *port = g_strdup_printf("%d", o.port);
    server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(server, "127.0.0.1");
    gst_rtsp_server_set_service(server, port);
    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(server);
    for (int i = 0; i < o.mounts; i++)
        add_mount(mounts, i);
    g_object_unref(mounts);
    if (o.user || o.cert) {
        GstRTSPAuth *auth = make_auth();
        gst_rtsp_server_set_auth(server, auth);
        g_object_unref(auth);
    }
    if (!gst_rtsp_server_attach(server, NULL)) {
        fprintf(stderr, "rtsp_server: cannot listen at port %s\n", port);
        exit(1);
    }
    g_free(port);
}

/* --- MJPEG --- */

static gboolean is_allowed(GDataInputStream *in)
{
    gboolean allowed = !o.user;
    gchar *wanted = o.user ? gst_rtsp_auth_make_basic(o.user, o.password) : NULL, *line;
    while ((line = g_data_input_stream_read_line(in, NULL, NULL, NULL)) && *line && *line != '\r') {
        if (wanted && g_ascii_strncasecmp(line, "authorization: basic ", 21) == 0 && strncmp(line + 21, wanted, strlen(wanted)) == 0)
            allowed = TRUE;
        g_free(line);
    }
    g_free(line);
    g_free(wanted);
    return allowed;
}

static gboolean send_part(GOutputStream *out, GstSample *sample)
{
    GstMapInfo map;
    GstBuffer *b = gst_sample_get_buffer(sample);
    if (!gst_buffer_map(b, &map, GST_MAP_READ))
        return FALSE;
    gchar *head = g_strdup_printf("--part\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n", map.size);
    gboolean ok = g_output_stream_write_all(out, head, strlen(head), NULL, NULL, NULL) &&
                  g_output_stream_write_all(out, map.data, map.size, NULL, NULL, NULL) &&
                  g_output_stream_write_all(out, "\r\n", 2, NULL, NULL, NULL);
    g_free(head);
    gst_buffer_unmap(b, &map);
    return ok;
}

static void send_pictures(GOutputStream *out)
{
    gchar *launch = g_strdup_printf("videotestsrc is-live=true pattern=ball ! video/x-raw,width=%d,height=%d,framerate=%d/1 ! "
                                    "jpegenc ! appsink name=sink max-buffers=2 drop=true", o.width, o.height, o.fps);
    GstElement *pipeline = gst_parse_launch(launch, NULL), *sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
    gboolean ok = TRUE;
    g_free(launch);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    while (ok) {
        GstSample *sample = gst_app_sink_pull_sample(GST_APP_SINK(sink));
        if (!sample)
            break;
        if (g_atomic_int_get(&mode) != MODE_STALL)
            ok = send_part(out, sample);
        gst_sample_unref(sample);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(sink);
    gst_object_unref(pipeline);
}

static gboolean on_http(GThreadedSocketService *service, GSocketConnection *c, GObject *source, gpointer data)
{
    static const char yes[] = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=part\r\n\r\n";
    static const char no[] = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"camera\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    GDataInputStream *in = g_data_input_stream_new(g_io_stream_get_input_stream(G_IO_STREAM(c)));
    GOutputStream *out = g_io_stream_get_output_stream(G_IO_STREAM(c));
    gboolean allowed = is_allowed(in);
    const char *answer = allowed ? yes : no;
    if (g_output_stream_write_all(out, answer, strlen(answer), NULL, NULL, NULL) && allowed)
        send_pictures(out);
    g_object_unref(in);
    return TRUE;
}

static void start_http(void)
{
    GSocketService *service = g_threaded_socket_service_new(8);
    GSocketAddress *at = g_inet_socket_address_new_from_string("127.0.0.1", (guint)o.http);
    if (!g_socket_listener_add_address(G_SOCKET_LISTENER(service), at, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, NULL, NULL, NULL)) {
        fprintf(stderr, "rtsp_server: cannot listen at port %d\n", o.http);
        exit(1);
    }
    g_signal_connect(service, "run", G_CALLBACK(on_http), NULL);
    g_socket_service_start(service);
    g_object_unref(at);
}

/* --- words --- */

static gboolean on_word(GIOChannel *channel, GIOCondition condition, gpointer loop)
{
    static const struct { const char *word; gint mode; } words[] = {
        {"stall", MODE_STALL}, {"resume", MODE_FINE}, {"slow", MODE_SLOW}, {"garbage", MODE_GARBAGE},
    };
    gchar *line = NULL;
    if (g_io_channel_read_line(channel, &line, NULL, NULL, NULL) != G_IO_STATUS_NORMAL) {
        g_main_loop_quit(loop);
        return FALSE;
    }
    g_strstrip(line);
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (strcmp(line, words[i].word) == 0)
            g_atomic_int_set(&mode, words[i].mode);
    if (strcmp(line, "drop") == 0)
        gst_rtsp_server_client_filter(server, cut, NULL);
    g_free(line);
    return TRUE;
}

static int number(const char *text)
{
    return (int)strtol(text, NULL, 10);
}

static int fail_usage(const char *word)
{
    fprintf(stderr, "rtsp_server: what is '%s'?\n", word);
    return 2;
}

static int read_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i], *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(word, "--digest") == 0) {
            o.is_digest = TRUE;
            continue;
        }
        i++;
        if (strcmp(word, "--mounts") == 0) o.mounts = number(value);
        else if (strcmp(word, "--clip") == 0) o.clip = value;
        else if (strcmp(word, "--size") == 0) sscanf(value, "%dx%d", &o.width, &o.height);
        else if (strcmp(word, "--fps") == 0) o.fps = number(value);
        else if (strcmp(word, "--key") == 0) o.key = number(value);
        else if (strcmp(word, "--port") == 0) o.port = number(value);
        else if (strcmp(word, "--http") == 0) o.http = number(value);
        else if (strcmp(word, "--words") == 0) o.words = value;
        else if (strcmp(word, "--user") == 0) o.user = value;
        else if (strcmp(word, "--password") == 0) o.password = value;
        else if (strcmp(word, "--tls") == 0 && i + 1 < argc) o.cert = value, o.private_key = argv[++i];
        else return fail_usage(word);
    }
    return 0;
}

int main(int argc, char **argv)
{
    int bad = read_arguments(argc, argv);
    if (bad)
        return bad;
    gst_init(NULL, NULL);
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    start_rtsp();
    if (o.http)
        start_http();
    GIOChannel *in = g_io_channel_unix_new(o.words ? open(o.words, O_RDWR | O_CLOEXEC) : 0); /* a FIFO opened both ways has no end */
    g_io_add_watch(in, G_IO_IN | G_IO_HUP, on_word, loop);
    puts("ready");
    fflush(stdout);
    g_main_loop_run(loop);
    return 0;
}
