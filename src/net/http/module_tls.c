/* The module facet-http.so, its TLS: OpenSSL, 1.2 and newer, ALPN "h2" and "http/1.1". */
#include "net/http/server_module_priv.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct facet_tls { SSL_CTX *ctx; };
struct facet_tls_conn { SSL *ssl; };

static int explain(const char *what, const char *path, char *why, size_t cap)
{
    char text[160] = "it holds none, or it is damaged";
    unsigned long e = ERR_peek_last_error();
    if (e)
        ERR_error_string_n(e, text, sizeof(text));
    ERR_clear_error();
    snprintf(why, cap, "%s '%.120s': %.100s", what, path, text);
    return -1;
}

static int choose(SSL *ssl, const unsigned char **out, unsigned char *len, const unsigned char *in, unsigned in_len, void *ctx)
{
    static const unsigned char ours[] = "\x02h2\x08http/1.1";
    unsigned char *best = NULL;
    if (SSL_select_next_proto(&best, len, ours, sizeof(ours) - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = best;
    return SSL_TLSEXT_ERR_OK;
}

static int load(SSL_CTX *ctx, const struct facet_tls_files *f, char *why, size_t cap)
{
    if (SSL_CTX_use_certificate_chain_file(ctx, f->cert) != 1)
        return explain("certificate", f->cert, why, cap);
    if (SSL_CTX_use_PrivateKey_file(ctx, f->key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        return explain("key", f->key, why, cap);
    if (!f->client_ca)
        return 0;
    if (SSL_CTX_load_verify_locations(ctx, f->client_ca, NULL) != 1)
        return explain("certificates of clients", f->client_ca, why, cap);
    SSL_CTX_set_client_CA_list(ctx, SSL_load_client_CA_file(f->client_ca));
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

int facet__tls_open(struct facet_tls **out, const struct facet_tls_files *f, char *why, size_t cap)
{
    struct facet_tls *t = calloc(1, sizeof(*t));
    *out = NULL;
    if (t)
        t->ctx = SSL_CTX_new(TLS_server_method());
    int err = t && t->ctx ? 0 : -1;
    if (err)
        snprintf(why, cap, "out of memory");
    if (!err) {
        SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
        SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
        SSL_CTX_set_mode(t->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_session_id_context(t->ctx, (const unsigned char *)"facet", 5);
        SSL_CTX_set_alpn_select_cb(t->ctx, choose, NULL);
        err = load(t->ctx, f, why, cap);
    }
    if (err)
        facet__tls_close(&t);
    *out = t;
    return err;
}

void facet__tls_close(struct facet_tls **t)
{
    if (!*t)
        return;
    SSL_CTX_free((*t)->ctx);
    free(*t);
    *t = NULL;
}

int facet__tls_accept(struct facet_tls_conn **out, struct facet_tls *t, int fd)
{
    struct facet_tls_conn *c = calloc(1, sizeof(*c));
    *out = NULL;
    if (!c)
        return -1;
    c->ssl = SSL_new(t->ctx);
    if (!c->ssl || SSL_set_fd(c->ssl, fd) != 1) {
        facet__tls_end(&c);
        return -1;
    }
    SSL_set_accept_state(c->ssl);
    *out = c;
    return 0;
}

void facet__tls_end(struct facet_tls_conn **c)
{
    if (!*c)
        return;
    if ((*c)->ssl && SSL_is_init_finished((*c)->ssl))
        SSL_shutdown((*c)->ssl); /* tells it; waits for nothing */
    SSL_free((*c)->ssl);
    ERR_clear_error();
    free(*c);
    *c = NULL;
}

static ssize_t result(const struct facet_tls_conn *c, int n)
{
    int why = SSL_get_error(c->ssl, n);
    ERR_clear_error();
    switch (why) {
    case SSL_ERROR_WANT_READ: return FACET_TLS_READ;
    case SSL_ERROR_WANT_WRITE: return FACET_TLS_WRITE;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: return FACET_TLS_DEAD;
    }
}

ssize_t facet__tls_read(struct facet_tls_conn *c, void *out, size_t cap)
{
    ERR_clear_error();
    int n = SSL_read(c->ssl, out, cap > 1 << 20 ? 1 << 20 : (int)cap);
    return n > 0 ? n : result(c, n);
}

ssize_t facet__tls_write(struct facet_tls_conn *c, const void *data, size_t len)
{
    ERR_clear_error();
    int n = SSL_write(c->ssl, data, len > 1 << 20 ? 1 << 20 : (int)len);
    return n > 0 ? n : result(c, n);
}

bool facet__tls_is_h2(const struct facet_tls_conn *c)
{
    const unsigned char *name = NULL;
    unsigned len = 0;
    SSL_get0_alpn_selected(c->ssl, &name, &len);
    return SSL_is_init_finished(c->ssl) && len == 2 && !memcmp(name, "h2", 2);
}
