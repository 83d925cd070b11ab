#include "report/stored.h"

#include <stdlib.h>

#include "base/limits.h"

void stored_init(struct stored *s, const struct image *img)
{
    *s = (struct stored){ .img = img };
    for (size_t i = 0; i < STORED_BLOCKS; i++)
        s->slot[i].index = UINT64_MAX;
}

void stored_free(struct stored *s)
{
    for (size_t i = 0; i < STORED_BLOCKS; i++)
        free(s->slot[i].block);
}

/* Loads refcount block `index` into a slot whose memory is there. */
static enum stored_status load(struct stored *s, uint64_t index, uint8_t *block)
{
    const struct image *img = s->img;
    uint64_t off = index < img->reftable_n ? img->reftable[index] & REFTABLE_OFFSET_MASK : 0;

    if (!off)
        return STORED_NO_BLOCK;
    if (off % img->geo.cluster_size)
        return STORED_BAD_BLOCK;
    if (off > READ_OFFSET_MAX - img->geo.cluster_size ||
        !source_read(img->src, off, block, (size_t)img->geo.cluster_size, NULL))
        return STORED_UNREADABLE;
    return STORED_OK;
}

enum stored_status stored_get(struct stored *s, uint64_t cluster, uint64_t *out)
{
    const struct geometry *geo = &s->img->geo;
    uint64_t index = cluster >> geo->refblock_bits;
    size_t oldest = 0, i = 0;

    *out = 0;
    while (i < STORED_BLOCKS && s->slot[i].index != index) {
        if (s->slot[i].used < s->slot[oldest].used)
            oldest = i;
        i++;
    }
    if (i == STORED_BLOCKS) {
        i = oldest;
        if (!s->slot[i].block)
            s->slot[i].block = malloc((size_t)geo->cluster_size);
        if (!s->slot[i].block)
            return STORED_UNREADABLE;
        s->slot[i].index = index;
        s->slot[i].status = load(s, index, s->slot[i].block);
    }
    s->slot[i].used = ++s->now;
    if (s->slot[i].status == STORED_OK)
        *out = refblock_get(s->slot[i].block, geo->refcount_order,
                            cluster & (geo->refblock_entries - 1));
    return s->slot[i].status;
}
