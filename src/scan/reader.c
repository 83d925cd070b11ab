#include "scan/reader.h"

#include <stdlib.h>
#include <string.h>

size_t reader_batch(const struct image *img, size_t table_bytes)
{
    struct source_info info = source_get_info(img->src);
    size_t n = info.batch_bytes / table_bytes;

    if (n > info.batch_reqs)
        n = info.batch_reqs;
    return n ? n : 1;
}

bool reader_init(struct reader *r, const struct image *img, size_t table_bytes)
{
    *r = (struct reader){ .img = img, .table_bytes = table_bytes };
    r->max = reader_batch(img, table_bytes);
    r->bytes = malloc(r->max * table_bytes);
    r->req = calloc(r->max, sizeof *r->req);
    if (r->bytes && r->req)
        return true;
    reader_free(r);
    return false;
}

void reader_free(struct reader *r)
{
    free(r->bytes);
    free(r->req);
    memset(r, 0, sizeof *r);
}

void reader_fetch(struct reader *r, const uint64_t *off, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        r->req[k] = (struct source_req){
            .off = off[k], .len = r->table_bytes, .dst = r->bytes + k * r->table_bytes,
        };
    }
    source_read_many(r->img->src, r->req, n);
}
