/* SPDX-License-Identifier: Apache-2.0 */
#include "blast/envelope.h"

#include <string.h>

#include "blast/put.h"

#define ETHERNET_BYTES 14
#define IPV4_BYTES     20
#define IPV6_BYTES     40
#define UDP_BYTES      8
#define PROTOCOL_UDP   17
#define TTL            64

enum { FOUR, SIX };

/* The ones' complement sum of bytes as they lie in memory (RFC 1071 2); carries are added later. */
static uint64_t sum_of(const uint8_t *bytes, uint32_t count)
{
    uint64_t sum = 0;
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        uint32_t word;
        memcpy(&word, bytes + i, sizeof word);
        sum += word;
    }
    if (i < count) {
        uint32_t word = 0;
        memcpy(&word, bytes + i, count - i);
        sum += word;
    }
    return sum;
}

static uint16_t sum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static uint16_t swap16(uint32_t value)
{
    return __builtin_bswap16((uint16_t)value);
}

static uint8_t *ethernet_put(uint8_t *out, const uint8_t *source, const uint8_t *target, uint16_t type)
{
    memcpy(out, target, 6);
    memcpy(out + 6, source, 6);
    put_be16(out + 12, type);
    return out + ETHERNET_BYTES;
}

static void four_init(struct envelope *envelope, const struct endpoint *to, const uint8_t *source_mac,
                      const uint8_t *target_mac)
{
    envelope->bytes[FOUR] = ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES;
    uint8_t *ip = ethernet_put(envelope->head[FOUR] + ENVELOPE_BYTES - envelope->bytes[FOUR], source_mac, target_mac,
                               0x0800);
    ip[0] = 0x45;
    ip[8] = TTL;
    ip[9] = PROTOCOL_UDP;
    memcpy(ip + 16, to->address.bytes + 12, 4);
    put_be16(ip + IPV4_BYTES + 2, to->port);
    envelope->ip_sum = sum_fold(sum_of(ip, IPV4_BYTES));
    envelope->address_sum[FOUR] = sum_fold(sum_of(ip + 16, 4) + swap16(PROTOCOL_UDP) + swap16(to->port));
}

static void six_init(struct envelope *envelope, const struct endpoint *to, const uint8_t *source_mac,
                     const uint8_t *target_mac)
{
    envelope->bytes[SIX] = ETHERNET_BYTES + IPV6_BYTES + UDP_BYTES;
    uint8_t *ip = ethernet_put(envelope->head[SIX] + ENVELOPE_BYTES - envelope->bytes[SIX], source_mac, target_mac,
                               0x86dd);
    ip[0] = 0x60;
    ip[6] = PROTOCOL_UDP;
    ip[7] = TTL;
    memcpy(ip + 24, to->address.bytes, 16);
    put_be16(ip + IPV6_BYTES + 2, to->port);
    envelope->address_sum[SIX] = sum_fold(sum_of(ip + 24, 16) + swap16(PROTOCOL_UDP) + swap16(to->port));
}

void envelope_init(struct envelope *envelope, const struct blast_target *target, const uint8_t *source_mac,
                   const uint8_t *target_mac)
{
    *envelope = (struct envelope){.identification = 0};
    if (target->has[FOUR])
        four_init(envelope, &target->to[FOUR], source_mac, target_mac);
    if (target->has[SIX])
        six_init(envelope, &target->to[SIX], source_mac, target_mac);
}

/* 0 would mean that there is none (RFC 768). */
static uint16_t udp_checksum(uint64_t sum)
{
    uint16_t checksum = (uint16_t)~sum_fold(sum);
    return checksum ? checksum : 0xffff;
}

uint32_t envelope_close(struct envelope *envelope, struct blast_datagram *datagram, const struct endpoint *from)
{
    uint32_t family = address_is_ipv4(&from->address) ? FOUR : SIX, udp_bytes = UDP_BYTES + datagram->size_bytes;
    uint32_t address_bytes = family == FOUR ? 4 : 16;
    uint8_t *udp = datagram->payload - UDP_BYTES;
    memcpy(datagram->payload - ENVELOPE_BYTES, envelope->head[family], ENVELOPE_BYTES);
    put_be16(udp, from->port);
    put_be16(udp + 4, (uint16_t)udp_bytes);
    if (family == FOUR) {
        uint8_t *ip = udp - IPV4_BYTES;
        put_be16(ip + 2, (uint16_t)(IPV4_BYTES + udp_bytes));
        put_be16(ip + 4, ++envelope->identification);
        memcpy(ip + 12, from->address.bytes + 12, 4);
        uint16_t checksum = (uint16_t)~sum_fold(envelope->ip_sum + sum_of(ip + 2, 4) + sum_of(ip + 12, 4));
        memcpy(ip + 10, &checksum, sizeof checksum);
    } else {
        uint8_t *ip = udp - IPV6_BYTES;
        put_be16(ip + 4, (uint16_t)udp_bytes);
        memcpy(ip + 8, from->address.bytes, 16);
    }
    uint64_t sum = envelope->address_sum[family] + sum_of(from->address.bytes + 16 - address_bytes, address_bytes) +
                   swap16(from->port) + 2 * (uint64_t)swap16(udp_bytes) +
                   sum_of(datagram->payload, datagram->size_bytes);
    uint16_t checksum = udp_checksum(sum);
    memcpy(udp + 6, &checksum, sizeof checksum);
    return envelope->bytes[family] + datagram->size_bytes;
}
