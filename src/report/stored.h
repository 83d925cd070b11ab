/* Stored refcounts, read a block at a time: for listings that ask for millions of them,
 * mostly neighbours. */
#ifndef QCHECK_REPORT_STORED_H
#define QCHECK_REPORT_STORED_H

#include "qcow2/image.h"

#define STORED_BLOCKS 8         /* blocks kept */

struct stored {
    const struct image *img;    /* borrowed */
    struct {
        uint64_t index;         /* refcount table index, UINT64_MAX: empty */
        uint64_t used;          /* time of last use */
        enum stored_status status;
        uint8_t *block;         /* owned, one cluster */
    } slot[STORED_BLOCKS];
    uint64_t now;
};

void stored_init(struct stored *s, const struct image *img);
void stored_free(struct stored *s);

/* As image_stored_refcount(). */
enum stored_status stored_get(struct stored *s, uint64_t cluster, uint64_t *out);

#endif
