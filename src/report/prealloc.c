#include "report/prealloc.h"

#include "scan/guest.h"

const char *preallocation_mode(const struct image *img)
{
    struct source_info file = source_get_info(img->src);
    struct guest_walk *walk;
    struct guest_extent x;
    struct error err = { 0 };
    uint64_t end = img->geo.size, at = 0;
    bool mapped = true;

    if (end == 0)
        return "off";
    if (!guest_walk_open(img, TABLE_ACTIVE, 0, end, &walk, &err))
        return "unknown";
    while (mapped && guest_walk_next(walk, &x, &err)) {
        mapped = x.host_off != NO_ADDRESS && !x.compressed;
        at = x.start + x.length;
    }
    guest_walk_free(walk);
    if (err.code)
        return "unknown";
    if (!mapped || at < end)
        return "off";
    /* Metadata preallocation leaves the data clusters as holes. Where the data lies in a
     * file of its own, the holes of this one say nothing. */
    return !img->geo.data_file && file.allocated < end - end / 8 ? "metadata" : "full";
}
