/* SPDX-License-Identifier: MIT
 *
 * The text of /proc/self/maps, a line per mapping in ascending order:
 *     start-end rwxp offset major:minor inode   name
 */
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "system.h"
#include "vma.h"

#define BUFFER_BYTES 1024u

struct reader {
    int32_t fd;
    int32_t error;
    uint64_t offset; /* in the file, of the next read */
    uint32_t next;
    uint32_t filled;
    uint8_t buffer[BUFFER_BYTES];
};

/* The next byte; 0 at the end or on an error. */
static uint8_t next_byte(struct reader *reader)
{
    if (reader->next == reader->filled) {
        int64_t count = system_call(SYS_pread64, (uint64_t)(int64_t)reader->fd, (uint64_t)(uintptr_t)reader->buffer,
                                    BUFFER_BYTES, reader->offset, 0, 0);

        reader->next = 0;
        reader->filled = count > 0 ? (uint32_t)count : 0;
        reader->offset += reader->filled;
        if (count < 0)
            reader->error = (int32_t)count;
        if (count <= 0)
            return 0;
    }
    return reader->buffer[reader->next++];
}

/* A number in base 16 or 10 after blanks; *byte is the first byte of it, and then the one behind it. */
static uint64_t parse_number(struct reader *reader, uint8_t *byte, uint32_t base)
{
    uint64_t value = 0;

    while (*byte == ' ')
        *byte = next_byte(reader);
    for (;;) {
        uint8_t digit = *byte >= 'a' ? (uint8_t)(*byte - 'a' + 10) : (uint8_t)(*byte - '0');

        if ((*byte < '0' || *byte > '9') && (*byte < 'a' || *byte > 'f'))
            return value;
        value = value * base + digit;
        *byte = next_byte(reader);
    }
}

static uint32_t parse_permissions(struct reader *reader)
{
    uint32_t flags = 0;

    flags |= next_byte(reader) == 'r' ? XESVM_VMA_READ : 0;
    flags |= next_byte(reader) == 'w' ? XESVM_VMA_WRITE : 0;
    flags |= next_byte(reader) == 'x' ? XESVM_VMA_EXEC : 0;
    flags |= next_byte(reader) == 's' ? XESVM_VMA_SHARED : 0;
    return flags;
}

/* The rest of the line. */
static void parse_name(struct reader *reader, uint8_t byte, struct vma_name *name)
{
    uint32_t length = 0;

    while (byte == ' ')
        byte = next_byte(reader);
    for (; byte != '\n' && byte != 0; byte = next_byte(reader)) {
        if (length < VMA_NAME_BYTES)
            name->text[length++] = (char)byte;
    }
    /* As with the query: what is too long is no name. */
    name->text[length < VMA_NAME_BYTES ? length : 0] = 0;
}

/* One line; false at the end. */
static bool parse_line(struct reader *reader, struct xesvm_vma *vma, struct vma_name *name)
{
    uint8_t byte = next_byte(reader);
    uint64_t file;

    if (byte == 0)
        return false;
    *vma = (struct xesvm_vma){.start = parse_number(reader, &byte, 16)};
    byte = next_byte(reader); /* over the dash */
    vma->end = parse_number(reader, &byte, 16);
    vma->flags = parse_permissions(reader);
    byte = next_byte(reader);
    parse_number(reader, &byte, 16); /* offset */
    file = parse_number(reader, &byte, 16);
    byte = next_byte(reader); /* over the colon */
    file |= parse_number(reader, &byte, 16);
    file |= parse_number(reader, &byte, 10);
    if (file == 0)
        vma->flags |= XESVM_VMA_ANONYMOUS;
    parse_name(reader, byte, name);
    return true;
}

int32_t vma_find_by_text(int32_t maps_fd, uint64_t address, struct xesvm_vma *vma, struct vma_name *name)
{
    struct reader reader = {.fd = maps_fd};
    struct xesvm_vma line;
    struct vma_name unused;

    if (!name)
        name = &unused;
    while (parse_line(&reader, &line, name)) {
        /* The vsyscall page is no mapping of this process: PROCMAP_QUERY does not name it either. */
        if (line.start >> 63)
            break;
        if (line.end > address) {
            *vma = line;
            return 0;
        }
    }
    return reader.error ? reader.error : -ENOENT;
}
