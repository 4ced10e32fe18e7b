/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/bond.h"

#include <assert.h>
#include <stdio.h>

void bond_slaves_read(struct bond_slaves *slaves, const char *path)
{
    *slaves = (struct bond_slaves){0};
    FILE *file = fopen(path, "re");
    if (!file)
        return;
    static_assert(IFNAMSIZ == 16, "the width below");
    while (slaves->count < BOND_SLAVES_MOST && fscanf(file, "%15s", slaves->names[slaves->count]) == 1)
        slaves->count++;
    fclose(file);
}
