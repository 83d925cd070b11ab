/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright (C) the qcheck authors */
/* Talking to the process that reads file systems: however it behaves, it cannot hold us up. */
#include "config.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "volumes/wire_watched.h"

#define LEN (8u << 20)          /* more than a socket holds */

/* The other side, on a thread: takes or gives so many bytes, then tells us to stop. */
struct peer {
    int fd;
    size_t take, give;
    bool ends;                  /* ... or closes its socket */
    _Atomic bool cancel;
    uint8_t *bytes;             /* LEN: what it has taken */
};

static void *behave(void *arg)
{
    struct peer *p = arg;

    for (size_t at = 0; at < p->take;) {
        ssize_t n = recv(p->fd, p->bytes + at, p->take - at, 0);

        if (n <= 0)
            break;
        at += (size_t)n;
    }
    for (size_t at = 0; at < p->give;) {
        ssize_t n = send(p->fd, p->bytes + at, p->give - at, MSG_NOSIGNAL);

        if (n <= 0)
            break;
        at += (size_t)n;
    }
    if (p->ends)
        close(p->fd);
    else
        atomic_store(&p->cancel, true);
    return NULL;
}

static enum error_code talk(struct peer *p, bool sends, uint8_t *bytes)
{
    struct error err = { .code = ERR_NONE };
    static struct wire_in in;
    pthread_t thread;
    int pair[2];
    bool ok;

    in.at = in.end = 0;
    p->bytes = calloc(1, LEN);
    assert_non_null(p->bytes);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    p->fd = pair[1];
    in.fd = pair[0];
    assert_int_equal(pthread_create(&thread, NULL, behave, p), 0);
    ok = sends ? wire_send_watched(pair[0], bytes, LEN, &p->cancel, &err)
               : wire_receive_watched(&in, bytes, LEN, &p->cancel, &err);
    pthread_join(thread, NULL);
    close(pair[0]);
    if (!p->ends)
        close(pair[1]);
    assert_int_equal(ok, err.code == ERR_NONE);
    return err.code;
}

static void one_that_stops_within_a_message_is_given_up(void **state)
{
    struct peer deaf = { .take = 1000 }, mute = { .give = 1000 };
    uint8_t *bytes = calloc(1, LEN);

    (void)state;
    assert_non_null(bytes);
    assert_int_equal(talk(&deaf, true, bytes), ERR_CANCELLED);
    assert_int_equal(talk(&mute, false, bytes), ERR_CANCELLED);
    free(deaf.bytes);
    free(mute.bytes);
    free(bytes);
}

static void one_that_ends_within_a_message_is_gone(void **state)
{
    struct peer deaf = { .take = 1000, .ends = true }, mute = { .give = 1000, .ends = true };
    uint8_t *bytes = calloc(1, LEN);

    (void)state;
    assert_non_null(bytes);
    assert_int_equal(talk(&deaf, true, bytes), ERR_IO);
    assert_int_equal(talk(&mute, false, bytes), ERR_IO);
    free(deaf.bytes);
    free(mute.bytes);
    free(bytes);
}

static void long_messages_arrive_whole(void **state)
{
    struct peer peer = { .take = LEN, .ends = true };
    uint8_t *bytes = malloc(LEN);

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < LEN; i++)
        bytes[i] = (uint8_t)(i * 7 >> 3);
    assert_int_equal(talk(&peer, true, bytes), ERR_NONE);
    assert_memory_equal(peer.bytes, bytes, LEN);
    free(peer.bytes);
    free(bytes);
}

static void what_comes_at_once_is_had_in_pieces_of_any_length(void **state)
{
    static struct wire_in in;
    uint8_t sent[20000], got[sizeof sent];
    struct error err;
    int pair[2];

    (void)state;
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 7 >> 3);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    in.fd = pair[0];
    assert_int_equal(send(pair[1], sent, 9999, 0), 9999);
    for (size_t at = 0, n = 1; at < sizeof sent; at += n, n = n * 3 % 4096 + 1) {
        if (n > sizeof sent - at)
            n = sizeof sent - at;
        if (at <= 9999 && at + n > 9999)
            assert_int_equal(send(pair[1], sent + 9999, sizeof sent - 9999, 0),
                             (int)(sizeof sent - 9999));
        assert_true(wire_receive_watched(&in, got + at, n, NULL, &err));
    }
    assert_memory_equal(sent, got, sizeof sent);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_stops_within_a_message_is_given_up),
        cmocka_unit_test(one_that_ends_within_a_message_is_gone),
        cmocka_unit_test(long_messages_arrive_whole),
        cmocka_unit_test(what_comes_at_once_is_had_in_pieces_of_any_length),
    };

    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
