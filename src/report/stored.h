/* Stored refcounts, read a block at a time: for listings that ask for millions of them,
 * mostly neighbours. */
#ifndef QCHECK_REPORT_STORED_H
#define QCHECK_REPORT_STORED_H

#include "qcow2/image.h"

#define STORED_BYTES (32u << 20)    /* of blocks kept, at most */

struct stored_slot;

struct stored {
    const struct image *img;    /* borrowed */
    struct stored_slot *slot; /* owned; block i is in slot i % n, NULL before first use */
    uint64_t n;
};

void stored_init(struct stored *s, const struct image *img);
void stored_free(struct stored *s);

/* As image_stored_refcount(); STORED_UNREADABLE also when memory runs out. */
enum stored_status stored_get(struct stored *s, uint64_t cluster, uint64_t *out);

#endif
