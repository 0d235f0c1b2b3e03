#include "base/hash.h"

#include "base/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

_Static_assert(sizeof(crypto_hash_sha256_state) <= sizeof(struct facet_sha256), "state too small");

_Static_assert(sizeof(crypto_auth_hmacsha256_state) <= sizeof(struct facet_hmac), "state too small");

static crypto_hash_sha256_state *state_of(struct facet_sha256 *h)
{
    return (crypto_hash_sha256_state *)(void *)h->state;
}

void facet_sha256_init(struct facet_sha256 *h)
{
    crypto_hash_sha256_init(state_of(h));
}

void facet_sha256_update(struct facet_sha256 *h, const void *data, size_t len)
{
    if (len)
        crypto_hash_sha256_update(state_of(h), data, len);
}

void facet_sha256_hex(struct facet_sha256 *h, char out[FACET_SHA256_HEX])
{
    unsigned char bytes[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_final(state_of(h), bytes);
    sodium_bin2hex(out, FACET_SHA256_HEX, bytes, sizeof(bytes));
}

int facet_fingerprint_parse(uint8_t out[FACET_FINGERPRINT], const char *text)
{
    const char *end = text;
    size_t n = 0;
    int code = sodium_hex2bin(out, FACET_FINGERPRINT, text, strlen(text), ":", &n, &end);
    if (code || n != FACET_FINGERPRINT || *end)
        return facet_fail(FACET_E_INVALID, "a certificate's fingerprint is its SHA-256: 64 hex digits, not '%.110s'", text);
    return FACET_OK;
}

void facet_hmac_init(struct facet_hmac *h, const void *key, size_t key_len)
{
    crypto_auth_hmacsha256_init((void *)h->state, key, key_len);
}

void facet_hmac_update(struct facet_hmac *h, const void *data, size_t len)
{
    if (len)
        crypto_auth_hmacsha256_update((void *)h->state, data, len);
}

void facet_hmac_hex(struct facet_hmac *h, char out[FACET_SHA256_HEX])
{
    unsigned char bytes[crypto_auth_hmacsha256_BYTES];
    crypto_auth_hmacsha256_final((void *)h->state, bytes);
    sodium_bin2hex(out, FACET_SHA256_HEX, bytes, sizeof(bytes));
}

void facet_sha256_of(const void *data, size_t len, char out[FACET_SHA256_HEX])
{
    struct facet_sha256 h;
    facet_sha256_init(&h);
    facet_sha256_update(&h, data, len);
    facet_sha256_hex(&h, out);
}

int facet_sha256_file(const char *path, char out[FACET_SHA256_HEX])
{
    unsigned char buf[65536];
    struct facet_sha256 h;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    out[0] = '\0';
    if (fd < 0)
        return facet_fail_errno("open", path);
    int err = FACET_OK;
    facet_sha256_init(&h);
    for (;;) {
        ssize_t n = read(fd, buf, sizeof(buf));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            err = facet_fail_errno("read", path);
        if (n <= 0)
            break;
        facet_sha256_update(&h, buf, (size_t)n);
    }
    close(fd);
    if (!err)
        facet_sha256_hex(&h, out);
    return err;
}

/* --- facet_hash64: four lanes of 64-bit multiply and rotate, folded together at the end. Each step
 * is a bijection of the lane for fixed input, so that any single changed word changes the lane. ---
 */

#define HASH_M1 0x9e3779b97f4a7c15u
#define HASH_M2 0xc2b2ae3d27d4eb4fu

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

static uint64_t load64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static uint64_t lane_step(uint64_t lane, uint64_t word)
{
    return rotl((lane ^ word) * HASH_M1, 29) * HASH_M2;
}

static uint64_t finish(uint64_t x)
{
    x = (x ^ x >> 32) * HASH_M1;
    x = (x ^ x >> 29) * HASH_M2;
    return x ^ x >> 32;
}

uint64_t facet_hash64(const void *data, size_t len, uint64_t seed)
{
    const uint8_t *p = data;
    uint64_t lane[4] = {seed, seed ^ HASH_M1, seed ^ HASH_M2, ~seed};
    size_t left = len;
    for (; left >= 32; left -= 32, p += 32) {
        for (int i = 0; i < 4; i++)
            lane[i] = lane_step(lane[i], load64(p + 8 * i));
    }
    for (; left >= 8; left -= 8, p += 8)
        lane[0] = lane_step(lane[0], load64(p));
    uint64_t tail = 0;
    for (size_t i = left; i-- > 0;)
        tail = tail << 8 | p[i];
    lane[1] = lane_step(lane[1], tail);
    lane[2] = lane_step(lane[2], (uint64_t)len);
    uint64_t h = lane[0];
    for (int i = 1; i < 4; i++)
        h = finish(h) ^ lane[i];
    return finish(h);
}
