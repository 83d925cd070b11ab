/* Reads tables of one size in batches: each worker has a reader of its own. How much goes
 * into a batch is what the source likes best (a cache-sized piece for files, many requests
 * in flight for a network). */
#ifndef QCHECK_SCAN_READER_H
#define QCHECK_SCAN_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "qcow2/image.h"

struct reader {
    const struct image *img;
    size_t table_bytes;
    size_t max;                 /* tables in one batch */
    uint8_t *bytes;             /* owned: max * table_bytes */
    struct source_req *req;     /* owned: max */
};

bool reader_init(struct reader *r, const struct image *img, size_t table_bytes);
void reader_free(struct reader *r);

/* Reads n (<= max) tables at these host offsets. Table k is then at reader_table(r, k),
 * zeros past the end of the file; reader_error(r, k) is 0 or the errno of a failure. */
void reader_fetch(struct reader *r, const uint64_t *off, size_t n);

static inline const uint8_t *reader_table(const struct reader *r, size_t k)
{
    return r->bytes + k * r->table_bytes;
}

static inline int reader_error(const struct reader *r, size_t k)
{
    return r->req[k].error;
}

/* Tables of this size that make a batch for this source. */
size_t reader_batch(const struct image *img, size_t table_bytes);

#endif
