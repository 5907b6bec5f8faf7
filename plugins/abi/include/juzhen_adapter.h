/* juzhen_adapter.h: the whole boundary between the Juzhen daemon and an adapter, version 1.
 *
 * An adapter is a shared object with one exported symbol, the constant `adp_entry_v1`. Nothing else is looked up,
 * and the daemon reads that constant before it runs any code of the adapter. An author in another language needs
 * this file and the message shapes of `messages.md`, and nothing else; authors in Rust never see either. `adapters/c-example`
 * is a whole adapter written from them.
 *
 * LIFE. The daemon reads the file's bytes and finds the manifest between its marks. It starts a process that may do nothing but
 * compute, loads the library there, compares the entry with what it has read, and calls `create` once. From then on:
 *
 *     daemon                              adapter
 *     instance->vt->call(scope, op, req) -> makes a future and returns it at once; copies what it needs of `req`
 *     future->vt->poll(waker, out)       -> asks: host->vt->call(scope, "http.send", ...) gives a future of the host
 *                                           polls that one with the same waker; it is pending, so answers ADP_PENDING
 *     ... the answer comes; the host's future wakes the waker ...
 *     future->vt->poll(waker, out)       -> polls the host's future again: ADP_OK; reads the answer, calls its `free`,
 *                                           drops the host's future, fills `out`, answers ADP_OK
 *     out.free(...), future->vt->drop()  -> frees what is left of the operation
 *
 * Every future is polled once without being woken. An adapter that waits for one thing at a time hands the daemon's waker on and
 * needs neither a thread nor an event loop; one that keeps a waker for later clones it, and wakes the clone from wherever it likes.
 *
 * CANCELLING is dropping: a future may be dropped after any poll, and has to drop the host's futures that it holds. Nothing else
 * is told to the adapter. A request that has left still gets its answer into the daemon's record.
 *
 * WHAT AN ADAPTER MAY NOT DO: open files or sockets, start processes, read clocks or randomness of its own (a repeated call would
 * see others), write to stdout, keep the processor for more than 100 ms in one poll, touch a host's future or use a scope after
 * its operation has ended. The daemon's process survives whatever it does; its own is killed, and started anew.
 *
 * ERRORS say what the platform said (`AdapterError` in messages.md). Whether something may be out is the daemon's to know. After
 * a request that may have changed something and has no clear answer, say in_doubt.
 *
 * MESSAGES. Every request and every answer is packed the same way:
 *
 *     u32 head length, little endian | head: UTF-8 JSON | tail: raw bytes, possibly none
 *
 * Bytes never stand inside JSON. Unknown fields are ignored, absent ones have their documented default. There is no
 * other form, for no operation and no capability: decided before version 1 was frozen.
 *
 * OWNERSHIP. An adp_slice is borrowed: readable until the called function returns, so the callee copies.
 * An adp_buf is owned: its receiver calls `free` exactly once; `free` may be NULL when ptr is NULL.
 * An adp_future belongs to whoever received the pointer: `drop` is called exactly once, also after it was ready;
 * dropping an unfinished future cancels it. An adp_waker is counted: clone and drop balance, it may outlive the
 * future, and `wake` consumes it. An adp_host is counted by retain and release. An instance lives until `destroy`,
 * which the host calls once, when no future of that instance is alive.
 *
 * THREADS. `call`, the host's functions and the wakers may be called from any thread, several at once. A future may
 * move between threads and is polled by one at a time. Nothing here blocks; nothing here unwinds.
 *
 * CHANGES. Within a major version things are only added: functions at the end of a table (look at `size` before
 * calling one), new operation names, new optional fields. A new major version is a new symbol, `adp_entry_v2`.
 */
#ifndef JUZHEN_ADAPTER_H
#define JUZHEN_ADAPTER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ADP_MAGIC 0x3176005254504441ull /* the bytes "ADPTR\0v1" */
#define ADP_ABI_MAJOR 1
#define ADP_ABI_MINOR 0
#define ADP_CODEC_JSON 1u /* u32 head length | JSON head | tail */

/* The manifest also stands in the file between these marks, so that it can be read without loading anything. */
#define ADP_MANIFEST_BEGIN "\0ADP1MANIFEST>>"
#define ADP_MANIFEST_END "<<ADP1END\0"

/* What poll and create answer. */
enum {
    ADP_PENDING = 0, /* the waker will be woken; `out` is untouched */
    ADP_OK = 1,      /* `out` holds the answer */
    ADP_ERR = 2,     /* `out` holds an error message (kind and fields) */
    ADP_PANIC = 3    /* the adapter caught a panic of its own; `out` holds {"message","location"} */
};

/* What an entry says of its build. */
enum {
    ADP_FLAG_UNWINDS = 1u,    /* panics are caught inside the adapter; without it a panic ends the process */
    ADP_FLAG_OWN_THREADS = 2u /* the adapter starts threads of its own */
};

/* Borrowed bytes. `ptr` may be NULL when `len` is 0. */
typedef struct adp_slice {
    const uint8_t *ptr;
    size_t len;
} adp_slice;

/* Owned bytes, freed by the producer's own allocator. */
typedef struct adp_buf {
    uint8_t *ptr;
    size_t len;
    size_t cap;
    void (*free)(uint8_t *ptr, size_t len, size_t cap);
} adp_buf;

typedef struct adp_waker {
    const struct adp_waker_vt *vt;
} adp_waker;

/* [any thread] */
typedef struct adp_waker_vt {
    uint32_t size; /* of this table, in bytes */
    uint32_t reserved;
    const adp_waker *(*clone)(const adp_waker *self);
    void (*wake)(const adp_waker *self); /* consumes self */
    void (*wake_by_ref)(const adp_waker *self);
    void (*drop)(const adp_waker *self);
} adp_waker_vt;

typedef struct adp_future {
    const struct adp_future_vt *vt;
} adp_future;

/* [one thread at a time] */
typedef struct adp_future_vt {
    uint32_t size;
    uint32_t reserved;
    /* `waker` is borrowed: clone it to keep it. After anything but ADP_PENDING, poll is not called again. */
    int32_t (*poll)(adp_future *self, const adp_waker *waker, adp_buf *out);
    void (*drop)(adp_future *self);
} adp_future_vt;

typedef struct adp_host {
    const struct adp_host_vt *vt;
} adp_host;

/* What the daemon offers. `scope` is the number that came with the operation: it stands for one call, one account,
 * its permissions, its budgets and its deadline, and it is void once that operation has ended. [any thread] */
typedef struct adp_host_vt {
    uint32_t size;
    uint16_t abi_minor;
    uint16_t reserved;
    const adp_host *(*retain)(const adp_host *self);
    void (*release)(const adp_host *self);
    /* http.send, clock.sleep, kv.get, kv.set, blob.read, secret.sign … The caller owns the future. */
    adp_future *(*call)(const adp_host *self, uint64_t scope, adp_slice op, adp_slice request);
    /* `message`: UTF-8 JSON object with a "message" field, other fields as they are. level: 1 error … 5 trace. */
    void (*log)(const adp_host *self, uint64_t scope, uint32_t level, adp_slice message);
    /* Milliseconds since 1970 UTC. Takes the scope, so that the daemon can record what a call has read and give a
     * repeated call the same times again: decided before version 1 was frozen. */
    int64_t (*now_unix_ms)(const adp_host *self, uint64_t scope);
    /* Fills `out`. Takes the scope for the same reason. */
    void (*random)(const adp_host *self, uint64_t scope, uint8_t *out, size_t len);
    /* A table of a later extension, by name, or NULL. Readable as long as the host object is. */
    const void *(*get_extension)(const adp_host *self, adp_slice id);
} adp_host_vt;

typedef struct adp_instance {
    const struct adp_instance_vt *vt;
} adp_instance;

typedef struct adp_instance_vt {
    uint32_t size;
    uint32_t reserved;
    /* check, publish, find_published, track, repost, retract, poll_messages, receive, reply, moderate, authorize,
     * measure. An operation that is not offered answers ADP_ERR {"kind":"unsupported"}; so does find_published when
     * it is asked for every post (neither "post" nor "repost" in its body) and the platform has no such list.
     * The caller owns the future. [any thread, several accounts at once] */
    adp_future *(*call)(const adp_instance *self, uint64_t scope, adp_slice op, adp_slice request);
    /* [once, no future alive] */
    void (*destroy)(adp_instance *self);
    const void *(*get_extension)(const adp_instance *self, adp_slice id);
} adp_instance_vt;

typedef struct adp_entry {
    uint64_t magic;     /* ADP_MAGIC */
    uint32_t size;      /* of this struct */
    uint16_t abi_major; /* ADP_ABI_MAJOR */
    uint16_t abi_minor;
    uint32_t flags;
    uint32_t codec;       /* ADP_CODEC_JSON */
    adp_slice manifest;   /* JSON, the same bytes as between the marks; lives as long as the library */
    adp_slice build_info; /* free text for people: compiler, version */
    /* `config` is a packed message (`Create` in messages.md). On ADP_OK `*out` is the instance, else `*err` holds the reason.
     * `host` is borrowed for the call: retain it to keep it. */
    int32_t (*create)(const adp_host *host, adp_slice config, adp_instance **out, adp_buf *err);
} adp_entry;

extern const adp_entry adp_entry_v1; /* the only export */

#ifdef __cplusplus
}
#endif
#endif
