/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/bond.h"

static void slaves_of(struct bond_slaves *slaves, const char *text)
{
    char path[] = "/tmp/weir-bond-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    bond_slaves_read(slaves, path);
    unlink(path);
}

static void names_are_read(void **state)
{
    struct bond_slaves slaves;
    slaves_of(&slaves, "eth0 enp129s0f1np1a\n");
    assert_int_equal(slaves.count, 2);
    assert_string_equal(slaves.names[0], "eth0");
    assert_string_equal(slaves.names[1], "enp129s0f1np1a");
    slaves_of(&slaves, "\n");
    assert_int_equal(slaves.count, 0);
}

static void no_bond_has_none(void **state)
{
    struct bond_slaves slaves;
    bond_slaves_read(&slaves, "/sys/class/net/lo/bonding/slaves");
    assert_int_equal(slaves.count, 0);
}

static void there_is_a_cap(void **state)
{
    struct bond_slaves slaves;
    char text[4 * 100 + 1] = "";
    for (int i = 0; i < 100; i++)
        snprintf(text + 4 * i, sizeof text - 4 * (size_t)i, "e%02d ", i);
    slaves_of(&slaves, text);
    assert_int_equal(slaves.count, BOND_SLAVES_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(no_bond_has_none),
        cmocka_unit_test(there_is_a_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
