/* qcheck IMAGE: the inspector on a terminal, else the report. */
#include <stdio.h>
#include <unistd.h>

#include "cmd_check.h"
#include "cmd_common.h"

int cmd_browse(const struct command *cmd, int argc, char **argv)
{
    struct settings s;
    int status;

    if (!settings_parse(&s, cmd, argc, argv, &status))
        return status;
    if (image_count(&s) == 0)
        return usage_error(cmd, "which image?");
    return check_images(&s);
}
