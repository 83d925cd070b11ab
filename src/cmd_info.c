/* qcheck info: what an image is, without a scan. */
#include <stdio.h>

#include "cmd_common.h"
#include "report/info.h"

static int info_one(const struct settings *s, const char *name, struct out *out)
{
    struct chain chain = { NULL, 0 };
    struct image *img = NULL;
    struct error err;
    struct info info;
    int status = STATUS_FAILED;

    if (!open_image_only(s, name, &img, &err) ||
        !info_gather(name, img, &chain, &info, &err)) {
        message_error(name, &err);
        goto out;
    }
    if (s->output == OUTPUT_JSON)
        info_json(&info, out);
    else
        info_text(&info, out);
    status = STATUS_CLEAN;
out:
    chain_close(&chain);
    image_close(img);
    return status;
}

int cmd_info(const struct command *cmd, int argc, char **argv)
{
    struct out out = { stdout, 0 };
    struct buf name = BUF_INIT;
    struct settings s;
    struct error err;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (image_count(&s) == 0)
        return usage_error(cmd, "which image?");
    status = STATUS_CLEAN;
    for (int i = 0; i < image_count(&s); i++) {
        if (!image_name(&s, i, &name, &err)) {
            message("", err.text);
            status = STATUS_FAILED;
            break;
        }
        if (i > 0 && s.output == OUTPUT_TEXT)
            out_puts(&out, "\n");
        if (info_one(&s, buf_str(&name), &out) != STATUS_CLEAN)
            status = STATUS_FAILED;
    }
    buf_free(&name);
    return finish(&out, status);
}
