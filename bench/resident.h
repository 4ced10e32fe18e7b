/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Memory of this process in KiB, as the kernel counts it page by page; 0 when it does not say. */
unsigned long resident_kib(void);
