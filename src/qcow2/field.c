#include "qcow2/field.h"

#include <string.h>

#include "base/num.h"
#include "qcow2/field_tables.h"

static const struct field_table *const TABLES[] = {
    &FIELDS_HEADER, &FIELDS_HEADER_EXT, &FIELDS_FEATURE_NAME, &FIELDS_BITMAPS_EXT,
    &FIELDS_CRYPTO_EXT, &FIELDS_L1_ENTRY, &FIELDS_L2_ENTRY, &FIELDS_L2_ENTRY_EXTENDED,
    &FIELDS_COMPRESSED, &FIELDS_REFTABLE_ENTRY, &FIELDS_SNAPSHOT, &FIELDS_SNAPSHOT_EXTRA,
    &FIELDS_BITMAP_DIR_ENTRY, &FIELDS_BITMAP_TABLE_ENTRY,
};

const struct field_table *field_table_at(size_t i)
{
    return i < sizeof TABLES / sizeof TABLES[0] ? TABLES[i] : NULL;
}

const struct field_table *field_table(const char *id)
{
    for (size_t i = 0; i < sizeof TABLES / sizeof TABLES[0]; i++)
        if (strcmp(TABLES[i]->id, id) == 0)
            return TABLES[i];
    return NULL;
}

const struct field *field_named(const struct field_table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->field[i].name, name) == 0)
            return &t->field[i];
    return NULL;
}

uint64_t field_value(const struct field_table *t, const struct field *f,
                     const uint8_t *bytes, size_t len)
{
    uint64_t word;

    if (t->bits) {
        if (t->word > len)
            return 0;
        word = be_load(bytes, t->word);
        word >>= f->off;
        return f->width < 64 ? word & ((UINT64_C(1) << f->width) - 1) : word;
    }
    if (!f->width || f->width > 8)
        return 0;
    /* Bytes that are missing count as zeros. */
    word = 0;
    for (size_t i = 0; i < f->width; i++)
        word = word << 8 | (f->off + i < len ? bytes[f->off + i] : 0);
    return word;
}

const struct field *field_at(const struct field_table *t, size_t at)
{
    for (size_t i = 0; i < t->n; i++)
        if (at >= t->field[i].off && at - t->field[i].off < t->field[i].width)
            return &t->field[i];
    return NULL;
}
