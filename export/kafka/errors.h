/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <librdkafka/rdkafka.h>

#include "export/kafka/book.h"

/* What an error means: for the documents of a message that failed by it, and for the operator. */
struct kafka_fault {
    rd_kafka_resp_err_t error;
    enum kafka_outcome outcome; /* KAFKA_REFUSED: no second try would help; KAFKA_AGAIN: someone can mend it */
    const char *remedy;         /* what to do */
};

/* Never NULL: errors that are not in the table are tried again. */
const struct kafka_fault *kafka_fault_of(rd_kafka_resp_err_t error);
