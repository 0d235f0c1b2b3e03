/* Pictures of every kind from fuzz/corpus/image (48 x 32: red = x / 8 * 40, green = y / 8 * 60,
 * blue = 128; grey ones hold the red), written by Pillow and OpenCV. */
#include "test.h"

#include "base/file.h"
#include "media/picture.h"

#include <facet/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { W = 48, H = 32 };

static void corpus_path(char *out, size_t cap, const char *name)
{
    const char *root = getenv("FACET_TEST_SOURCE");
    assert_non_null(root);
    snprintf(out, cap, "%s/fuzz/corpus/image/%s", root, name);
}

static uint8_t *corpus(const char *name, size_t *len)
{
    char path[1024];
    uint8_t *data;
    corpus_path(path, sizeof(path), name);
    assert_int_equal(facet_file_read(path, 1 << 20, &data, len), FACET_OK);
    return data;
}

static struct facet_image decode(const char *name)
{
    char path[1024];
    struct facet_image img;
    corpus_path(path, sizeof(path), name);
    if (facet_picture_read(&img, path) != FACET_OK)
        fail_msg("%s", facet_error_text());
    return img;
}

static const uint8_t *at(const struct facet_image *img, int x, int y)
{
    return img->data + (size_t)y * img->stride + 3 * (size_t)x;
}

enum colour { COLOUR, GRAY, WHITE_RIGHT };

static void check_pixel(const char *name, const uint8_t *p, int x, int y, enum colour kind, int off)
{
    int want[3] = {x / 8 * 40, y / 8 * 60, 128};
    if (kind == GRAY)
        want[1] = want[2] = want[0];
    if (kind == WHITE_RIGHT && x >= W / 2)
        want[0] = want[1] = want[2] = 255;
    for (int c = 0; c < 3; c++)
        if (abs(p[c] - want[c]) > off)
            fail_msg("%s: pixel %d,%d is %d %d %d, should be %d %d %d", name, x, y, p[0], p[1], p[2],
                     want[0], want[1], want[2]);
}

static void test_picture__every_kind_is_read(void **state)
{
    static const struct { const char *name; enum colour colour; int tolerance; } cases[] = {
        {"rgb.jpg", COLOUR, 3}, {"progressive.jpg", COLOUR, 3}, {"gray.jpg", GRAY, 3},
        {"cmyk.jpg", COLOUR, 4}, {"rgb.png", COLOUR, 0}, {"rgb16.png", COLOUR, 0},
        {"palette.png", COLOUR, 0}, {"interlaced.png", COLOUR, 0}, {"alpha.png", WHITE_RIGHT, 0},
        {"palette.gif", COLOUR, 0}, {"interlaced.gif", COLOUR, 0}, {"animated.gif", COLOUR, 0},
        {"palette.bmp", COLOUR, 0}, {"rgb.bmp", COLOUR, 0}, {"rgba.bmp", COLOUR, 0},
        {"raw.ppm", COLOUR, 0}, {"plain.ppm", COLOUR, 0}, {"raw.pgm", GRAY, 0},
        {"plain.pgm", GRAY, 0}, {"deep.pgm", GRAY, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct facet_image img = decode(cases[i].name);
        assert_int_equal(img.width, W);
        assert_int_equal(img.height, H);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++)
                check_pixel(cases[i].name, at(&img, x, y), x, y, cases[i].colour,
                            cases[i].tolerance);
        facet_image_fini(&img);
    }
}

static void test_picture__transparent_is_white(void **state)
{
    struct facet_image png = decode("transparent.png"), gif = decode("transparent.gif");
    int white = 0;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            white += at(&png, x, y)[2] == 255;
    assert_int_equal(white, 64); /* one of the 24 colours */
    assert_int_equal(at(&gif, 0, 0)[0], 255);
    assert_int_equal(at(&gif, 8, 0)[0], 40);
    facet_image_fini(&png);
    facet_image_fini(&gif);
}

static void test_picture__one_bit_becomes_black_and_white(void **state)
{
    struct facet_image img = decode("bits.png");
    for (int x = 0; x < W; x++)
        assert_int_equal(at(&img, x, 5)[1], x / 8 % 2 * 255);
    facet_image_fini(&img);
}

static void test_picture__gif_survives_full_code_tables(void **state)
{
    struct facet_image img = decode("noise.gif");
    for (int y = 0; y < 60; y++)
        for (int x = 0; x < 120; x++)
            assert_int_equal(at(&img, x, y)[1], (x * x * 7 + y * y * 13 + x * y * 5) % 251);
    facet_image_fini(&img);
}

static void test_picture__exif_turns(void **state)
{
    struct facet_image img = decode("turned.jpg"); /* orientation 6: turn right to see it upright */
    assert_int_equal(img.width, H);
    assert_int_equal(img.height, W);
    check_pixel("turned.jpg", at(&img, H - 1, 0), 0, 0, COLOUR, 3);
    check_pixel("turned.jpg", at(&img, H - 1, W - 1), W - 1, 0, COLOUR, 3);
    check_pixel("turned.jpg", at(&img, 0, 0), 0, H - 1, COLOUR, 3);
    facet_image_fini(&img);
}

/* rgb.jpg with an EXIF segment of our own behind its first two bytes. */
static int probe_with_exif(const uint8_t *exif, size_t exif_len, struct facet_picture_info *info)
{
    size_t len;
    uint8_t *jpeg = corpus("rgb.jpg", &len), *both = malloc(len + exif_len);
    assert_non_null(both);
    memcpy(both, jpeg, 2);
    memcpy(both + 2, exif, exif_len);
    memcpy(both + 2 + exif_len, jpeg + 2, len - 2);
    int err = facet_picture_probe(info, both, len + exif_len, "made");
    free(jpeg);
    free(both);
    return err;
}

static const uint8_t exif_big[] = {
    0xff, 0xe1, 0, 36, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, '*', 0, 0, 0, 8, 0, 1,
    0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0};

static void test_exif__both_byte_orders_are_read(void **state)
{
    struct facet_picture_info info;
    assert_int_equal(probe_with_exif(exif_big, sizeof(exif_big), &info), FACET_OK);
    assert_int_equal(info.orientation, 8);
    assert_int_equal(info.width, H);
    size_t len;
    uint8_t *turned = corpus("turned.jpg", &len);
    assert_int_equal(facet_picture_probe(&info, turned, len, "turned"), FACET_OK);
    assert_int_equal(info.orientation, 6);
    free(turned);
}

static void test_exif__nonsense_means_upright(void **state)
{
    /* each: where a byte is changed, to what */
    static const uint8_t changes[][2] = {
        {10, 'X'}, {13, 0}, {14, 0xff}, {17, 200}, {19, 0}, {21, 0x13}, {23, 4}, {27, 2}, {29, 0},
        {29, 9}, {28, 1}, {7, 'x'}};
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        uint8_t exif[sizeof(exif_big)];
        struct facet_picture_info info;
        memcpy(exif, exif_big, sizeof(exif));
        exif[changes[i][0]] = changes[i][1];
        assert_int_equal(probe_with_exif(exif, sizeof(exif), &info), FACET_OK);
        assert_int_equal(info.orientation, 1);
    }
}

static void test_picture__kind_is_by_content(void **state)
{
    static const struct { const char *name, *kind; bool is_animated; } cases[] = {
        {"rgb.jpg", "jpeg", false}, {"rgb.png", "png", false}, {"palette.gif", "gif", false},
        {"animated.gif", "gif", true}, {"rgb.bmp", "bmp", false}, {"raw.pgm", "pnm", false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct facet_picture_info info;
        size_t len;
        uint8_t *data = corpus(cases[i].name, &len);
        assert_string_equal(facet_picture_kind(data, len), cases[i].kind);
        assert_int_equal(facet_picture_probe(&info, data, len, "wrong-name.txt"), FACET_OK);
        assert_string_equal(info.format, cases[i].kind);
        assert_int_equal(info.width, W);
        assert_int_equal(info.is_animated, cases[i].is_animated);
        free(data);
    }
}

static void test_picture__other_content_is_refused(void **state)
{
    static const char *const others[] = {"", "hello, no picture", "P7\n", "P", "BX", "\xff\xd8",
                                         "\x89PNG\r\n\x1a", "GIF90a...", "\177ELF"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct facet_image img;
        size_t len = strlen(others[i]);
        assert_int_equal(facet_picture_decode(&img, (const uint8_t *)others[i], len, "odd.jpg"),
                         FACET_E_FORMAT);
        assert_non_null(strstr(facet_error_text(), "'odd.jpg'"));
        assert_null(img.data);
        assert_null(facet_picture_kind((const uint8_t *)others[i], len));
    }
}

static const char *const all[] = {
    "rgb.jpg", "progressive.jpg", "gray.jpg", "cmyk.jpg", "turned.jpg", "rgb.png", "rgb16.png",
    "palette.png", "interlaced.png", "alpha.png", "palette.gif", "interlaced.gif", "animated.gif",
    "palette.bmp", "rgb.bmp", "rgba.bmp", "raw.ppm", "plain.ppm", "raw.pgm", "deep.pgm"};

static void test_picture__truncated_is_refused(void **state)
{
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        size_t len;
        uint8_t *data = corpus(all[i], &len);
        bool may_be_whole = strcmp(all[i], "animated.gif") == 0;
        for (size_t cut = 0; cut < len; cut += 1 + len / 200) {
            struct facet_image img;
            uint8_t *part = malloc(cut + 1); /* of its own size, so that reading over is seen */
            assert_non_null(part);
            memcpy(part, data, cut);
            int err = facet_picture_decode(&img, part, cut, all[i]);
            if (cut < len * 3 / 4 && !may_be_whole && err != FACET_E_FORMAT)
                fail_msg("%s cut to %zu of %zu bytes: %d %s", all[i], cut, len, err,
                         facet_error_text());
            facet_image_fini(&img);
            free(part);
        }
        free(data);
    }
}

static void test_picture__changed_bytes_never_crash(void **state)
{
    uint32_t seed = 12345;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        size_t len;
        uint8_t *data = corpus(all[i], &len), *bad = malloc(len);
        assert_non_null(bad);
        for (int round = 0; round < 150; round++) {
            struct facet_image img;
            memcpy(bad, data, len);
            for (int k = 0; k < 1 + round % 4; k++) {
                seed = seed * 1664525 + 1013904223;
                size_t where = round % 2 ? seed >> 8 : (seed >> 8) % 64;
                bad[where % len] = (uint8_t)(seed >> 3);
            }
            struct facet_picture_info info;
            if (facet_picture_probe(&info, bad, len, all[i]) == FACET_OK &&
                (size_t)info.width * (size_t)info.height < 1 << 20)
                facet_picture_decode(&img, bad, len, all[i]);
            else
                memset(&img, 0, sizeof(img));
            facet_image_fini(&img);
        }
        free(bad);
        free(data);
    }
}

static void test_picture__too_large_is_refused_before_memory(void **state)
{
    static const char *const headers[] = {"P5 32769 1 255\n", "P6 20000 20000 255\n",
                                          "P6 1000000 1000000 255\n"};
    struct facet_image img;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
        assert_int_equal(facet_picture_decode(&img, (const uint8_t *)headers[i],
                                              strlen(headers[i]), "large.ppm"), FACET_E_LIMIT);
    size_t len;
    uint8_t *png = corpus("rgb.png", &len);
    static const uint8_t huge[] = {0x00, 0xff, 0xff, 0xff};
    memcpy(png + 16, huge, 4);
    assert_int_equal(facet_picture_decode(&img, png, len, "p.png"), FACET_E_LIMIT);
    free(png);
    uint8_t *bmp = corpus("rgb.bmp", &len);
    memcpy(bmp + 18, "\xff\xff\xff\x7f", 4);
    assert_int_equal(facet_picture_decode(&img, bmp, len, "b.bmp"), FACET_E_LIMIT);
    memcpy(bmp + 18, "\xff\xff\xff\xff", 4);
    assert_int_equal(facet_picture_decode(&img, bmp, len, "b.bmp"), FACET_E_FORMAT);
    free(bmp);
}

static void test_picture__unreadable_files_say_why(void **state)
{
    struct facet_image img;
    assert_int_equal(facet_picture_read(&img, "/no/such/picture.jpg"), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "/no/such/picture.jpg"));
    char path[1024];
    corpus_path(path, sizeof(path), "empty");
    assert_int_equal(facet_picture_read(&img, path), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "empty"));
    assert_null(img.data);
}

static void check_round_trip(const struct facet_image *img, const char *dir, const char *name,
                             int tolerance)
{
    char path[1024];
    struct facet_image back;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(facet_picture_write(img, path, 95), FACET_OK);
    assert_int_equal(facet_picture_read(&back, path), FACET_OK);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            check_pixel(name, at(&back, x, y), x, y, img->format == FACET_PIXEL_GRAY8 ? GRAY : COLOUR,
                        tolerance);
    facet_image_fini(&back);
    unlink(path);
}

static void test_picture__written_is_read_back(void **state)
{
    char dir[] = "/tmp/facet-picture-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct facet_image img = decode("rgb.png"), gray;
    check_round_trip(&img, dir, "a.png", 0);
    check_round_trip(&img, dir, "a.ppm", 0);
    check_round_trip(&img, dir, "a.JPG", 3);
    assert_int_equal(facet_image_init(&gray, FACET_PIXEL_GRAY8, W, H), FACET_OK);
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            gray.data[(size_t)y * gray.stride + (size_t)x] = (uint8_t)(x / 8 * 40);
    check_round_trip(&gray, dir, "g.png", 0);
    check_round_trip(&gray, dir, "g.pgm", 0);
    check_round_trip(&gray, dir, "g.jpeg", 3);
    assert_int_equal(facet_picture_write(&img, "/tmp/x.tiff", 90), FACET_E_INVALID);
    assert_int_not_equal(facet_picture_write(&img, "/no/such/folder/x.png", 90), FACET_OK);
    facet_image_fini(&img);
    facet_image_fini(&gray);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_picture__every_kind_is_read),
        cmocka_unit_test(test_picture__transparent_is_white),
        cmocka_unit_test(test_picture__one_bit_becomes_black_and_white),
        cmocka_unit_test(test_picture__gif_survives_full_code_tables),
        cmocka_unit_test(test_picture__exif_turns),
        cmocka_unit_test(test_exif__both_byte_orders_are_read),
        cmocka_unit_test(test_exif__nonsense_means_upright),
        cmocka_unit_test(test_picture__kind_is_by_content),
        cmocka_unit_test(test_picture__other_content_is_refused),
        cmocka_unit_test(test_picture__truncated_is_refused),
        cmocka_unit_test(test_picture__changed_bytes_never_crash),
        cmocka_unit_test(test_picture__too_large_is_refused_before_memory),
        cmocka_unit_test(test_picture__unreadable_files_say_why),
        cmocka_unit_test(test_picture__written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
