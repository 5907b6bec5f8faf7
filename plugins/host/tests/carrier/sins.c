/* An adapter in C, written from the header alone: one operation for each thing a good or a bad adapter does.
 * Compiled by the tests with -D switches that bend its entry or its start. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "juzhen_adapter.h"

#ifndef MANIFEST
#define MANIFEST "{\"name\":\"sins\",\"version\":\"1.0.0\",\"platform\":\"sins\",\"requires\":[\"clock.v1\"]}"
#endif
#ifndef MAGIC
#define MAGIC ADP_MAGIC
#endif
#ifndef MAJOR
#define MAJOR ADP_ABI_MAJOR
#endif
#ifndef SIZE
#define SIZE sizeof(adp_entry)
#endif
#ifndef CODEC
#define CODEC ADP_CODEC_JSON
#endif
#ifndef FLAGS
#define FLAGS ADP_FLAG_UNWINDS
#endif

#ifndef NO_MANIFEST
static const char marked[] __attribute__((used)) = ADP_MANIFEST_BEGIN MANIFEST ADP_MANIFEST_END;
#endif

static int constructor_error = -1;
__attribute__((constructor)) static void before_anything(void) {
    int fd = open("/etc/passwd", O_RDONLY);
    constructor_error = fd < 0 ? errno : 0;
    if (fd >= 0) close(fd);
}

/* Answers ------------------------------------------------------------------------------------------------------- */

static void release(uint8_t *ptr, size_t len, size_t cap) { (void)len; (void)cap; free(ptr); }

static void answer_bytes(adp_buf *out, const void *bytes, size_t len) {
    out->ptr = malloc(len ? len : 1);
    memcpy(out->ptr, bytes, len);
    out->len = len;
    out->cap = len ? len : 1;
    out->free = release;
}

static void answer(adp_buf *out, const char *json) {
    uint8_t packed[4096];
    uint32_t len = (uint32_t)strlen(json);
    memcpy(packed, &len, 4);
    memcpy(packed + 4, json, len);
    answer_bytes(out, packed, 4 + len);
}

static void answer_number(adp_buf *out, long long number) {
    char json[64];
    snprintf(json, sizeof json, "%lld", number);
    answer(out, json);
}

/* One operation ------------------------------------------------------------------------------------------------- */

typedef struct instance { adp_instance base; const adp_host *host; } instance;

typedef struct operation {
    adp_future base;
    const adp_host *host;
    uint64_t scope;
    char name[32];
    uint8_t *request;
    size_t request_len;
    adp_future *waits_for; /* a future of the host */
} operation;

static void say(operation *self, const char *json) {
    self->host->vt->log(self->host, self->scope, 3, (adp_slice){(const uint8_t *)json, strlen(json)});
}

static volatile int always = 1;
static long overflow(long depth) {
    volatile char room[4096];
    room[0] = (char)depth;
    return always ? overflow(depth + 1) + room[0] : 0;
}

static void *idle_thread(void *unused) { (void)unused; pause(); return NULL; }

static const char *argument(operation *self) { /* the head: a JSON string without escapes */
    static char text[256];
    size_t len = self->request_len > 6 ? self->request_len - 6 : 0;
    if (len > 255) len = 255;
    memcpy(text, self->request + 5, len);
    text[len] = 0;
    return text;
}

static int poll_plain(operation *self, adp_buf *out) {
    const char *name = self->name;
#define IS(op) (strcmp(name, op) == 0)
    if (IS("echo")) { answer_bytes(out, self->request, self->request_len); return ADP_OK; }
    if (IS("refuse")) { answer(out, "{\"kind\":\"rejected\",\"message\":\"no\"}"); return ADP_ERR; }
    if (IS("panic")) { answer(out, "{\"message\":\"caught\",\"location\":\"sins.c:1\"}"); return ADP_PANIC; }
    /* ends */
    if (IS("abort")) { fprintf(stderr, "sins: giving up\n"); abort(); }
    if (IS("segfault")) { *(volatile int *)8 = 1; }
    if (IS("overflow")) { answer_number(out, overflow(0)); return ADP_OK; }
    if (IS("exit")) exit(0);
    if (IS("spin")) { while (always) {} }
    if (IS("block")) { while (always) pause(); }
    if (IS("hog")) {
        for (;;) {
            char *more = malloc(1 << 20);
            if (!more) { fprintf(stderr, "sins: no memory\n"); abort(); }
            memset(more, 1, 1 << 20);
        }
    }
    if (IS("hog_memfd")) {
        int fd = memfd_create("hog", 0);
        answer_number(out, fd < 0 ? errno : ftruncate(fd, 1 << 20) ? errno : 0);
        return ADP_OK;
    }
    /* nuisances */
    if (IS("print")) {
        for (int i = 0; i < 5000; i++) printf("sins: line %d\n", i);
        fflush(stdout);
        answer_number(out, 0);
        return ADP_OK;
    }
    if (IS("close_standard")) { close(0); close(1); close(2); answer_number(out, 0); return ADP_OK; }
    if (IS("close_all")) { for (int fd = 0; fd < 1024; fd++) close(fd); answer_number(out, 0); return ADP_OK; }
    if (IS("threads")) {
        pthread_attr_t small; pthread_t thread; int made = 0;
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 16384);
        while (made < 1000 && pthread_create(&thread, &small, idle_thread, NULL) == 0) made++;
        answer_number(out, made);
        return ADP_OK;
    }
    if (IS("files")) {
        int made = 0;
        while (made < 1000 && dup(1) >= 0) made++;
        answer_number(out, made);
        return ADP_OK;
    }
    /* looking around: answers errno, 0 when it worked */
    if (IS("open")) { int fd = open(argument(self), O_RDONLY); answer_number(out, fd < 0 ? errno : 0); return ADP_OK; }
    if (IS("connect")) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argument(self)))};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        answer_number(out, fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) ? errno : 0);
        return ADP_OK;
    }
    if (IS("send_udp")) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        answer_number(out, fd < 0 || sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to) < 0 ? errno : 0);
        return ADP_OK;
    }
    if (IS("unix_socket")) { answer_number(out, socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0); return ADP_OK; }
    if (IS("signal_parent")) { answer_number(out, kill(getppid(), 0) ? errno : 0); return ADP_OK; }
    if (IS("execute")) { execl("/bin/true", "true", (char *)NULL); answer_number(out, errno); return ADP_OK; }
    if (IS("fork")) {
        pid_t made = fork();
        if (made == 0) { pause(); _exit(0); }
        answer_number(out, made < 0 ? errno : 0);
        return ADP_OK;
    }
    if (IS("uid")) { answer_number(out, (long long)getuid()); return ADP_OK; }
    if (IS("environment")) { int n = 0; while (environ && environ[n]) n++; answer_number(out, n); return ADP_OK; }
    if (IS("constructor")) { answer_number(out, constructor_error); return ADP_OK; }
    if (IS("now")) {
        char json[64];
        long long a = self->host->vt->now_unix_ms(self->host, self->scope);
        long long b = self->host->vt->now_unix_ms(self->host, self->scope);
        snprintf(json, sizeof json, "[%lld,%lld]", a, b);
        answer(out, json);
        return ADP_OK;
    }
    if (IS("random")) {
        uint8_t bytes[4]; char json[64];
        self->host->vt->random(self->host, self->scope, bytes, 4);
        snprintf(json, sizeof json, "[%d,%d,%d,%d]", bytes[0], bytes[1], bytes[2], bytes[3]);
        answer(out, json);
        return ADP_OK;
    }
    /* answers that are none */
    if (IS("null_answer")) { out->ptr = NULL; out->len = 100; return ADP_OK; }
    if (IS("no_free")) { out->ptr = (uint8_t *)"\2\0\0\0{}"; out->len = out->cap = 6; out->free = NULL; return ADP_OK; }
    if (IS("huge_answer")) { answer(out, "{}"); out->len = (size_t)-1; return ADP_OK; }
    if (IS("bad_status")) return 42;
    if (IS("unpacked")) { answer_bytes(out, "hello", 5); return ADP_OK; }
    if (IS("not_utf8")) { answer_bytes(out, "\2\0\0\0\xff\xfe", 6); return ADP_OK; }
    if (IS("forge")) { /* writes on every socket it finds */
        for (int fd = 0; fd < 64; fd++) (void)!send(fd, "\xff\xff\xff\xff forged", 11, MSG_NOSIGNAL);
        answer_number(out, 0);
        return ADP_OK;
    }
    answer(out, "{\"kind\":\"unsupported\",\"what\":\"operation\"}");
    return ADP_ERR;
}

static int32_t poll_operation(adp_future *base, const adp_waker *waker, adp_buf *out) {
    operation *self = (operation *)base;
    if (strcmp(self->name, "forever") == 0) return ADP_PENDING;
    if (strcmp(self->name, "ask") == 0) { /* forwards its request to the capability `clock.sleep` */
        if (!self->waits_for) {
            static const char op[] = "clock.sleep";
            self->waits_for = self->host->vt->call(self->host, self->scope,
                (adp_slice){(const uint8_t *)op, sizeof op - 1}, (adp_slice){self->request, self->request_len});
        }
        int32_t status = self->waits_for->vt->poll(self->waits_for, waker, out); /* its buffer becomes ours */
        return status;
    }
    return poll_plain(self, out);
}

static void drop_operation(adp_future *base) {
    operation *self = (operation *)base;
    if (self->waits_for) self->waits_for->vt->drop(self->waits_for);
    if (strcmp(self->name, "forever") == 0) say(self, "{\"message\":\"forever was dropped\"}");
    self->host->vt->release(self->host);
    free(self->request);
    free(self);
}

static const adp_future_vt operation_table = {sizeof(adp_future_vt), 0, poll_operation, drop_operation};
static const adp_future_vt short_table = {4, 0, poll_operation, drop_operation};

static adp_future *call(const adp_instance *base, uint64_t scope, adp_slice op, adp_slice request) {
    const instance *self = (const instance *)base;
    operation *made = calloc(1, sizeof *made);
    memcpy(made->name, op.ptr, op.len < 31 ? op.len : 31);
    if (strcmp(made->name, "null_future") == 0) { free(made); return NULL; }
    made->base.vt = strcmp(made->name, "short_table") == 0 ? &short_table
                  : strcmp(made->name, "null_table") == 0  ? NULL : &operation_table;
    made->host = self->host->vt->retain(self->host);
    made->scope = scope;
    made->request = malloc(request.len ? request.len : 1);
    memcpy(made->request, request.ptr, request.len);
    made->request_len = request.len;
    return &made->base;
}

static void destroy(adp_instance *base) {
    instance *self = (instance *)base;
    static const char bye[] = "{\"message\":\"destroyed\"}";
    self->host->vt->log(self->host, 0, 3, (adp_slice){(const uint8_t *)bye, sizeof bye - 1});
    self->host->vt->release(self->host);
    free(self);
}

static const void *no_extension(const adp_instance *self, adp_slice id) { (void)self; (void)id; return NULL; }

static const adp_instance_vt instance_table = {sizeof(adp_instance_vt), 0, call, destroy, no_extension};

static int32_t create(const adp_host *host, adp_slice config, adp_instance **out, adp_buf *err) {
    (void)config; (void)err;
#ifdef CREATE_HANGS
    while (always) pause();
#endif
#ifdef CREATE_ABORTS
    fprintf(stderr, "sins: cannot start\n");
    abort();
#endif
#ifdef CREATE_FAILS
    answer(err, "{\"kind\":\"misconfigured\",\"key\":\"api\",\"message\":\"no api address\"}");
    return ADP_ERR;
#endif
#ifdef CREATE_NULL
    *out = NULL;
    return ADP_OK;
#endif
    instance *made = calloc(1, sizeof *made);
    made->base.vt = &instance_table;
    made->host = host->vt->retain(host);
    *out = &made->base;
    return ADP_OK;
}

#ifdef DIFFERENT
#define SHOWN DIFFERENT
#else
#define SHOWN MANIFEST
#endif

#ifndef NO_ENTRY
__attribute__((visibility("default"))) const adp_entry adp_entry_v1 = {
    .magic = MAGIC,
    .size = SIZE,
    .abi_major = MAJOR,
    .abi_minor = 9, /* newer than the host: fine */
    .flags = FLAGS,
    .codec = CODEC,
    .manifest = {(const uint8_t *)SHOWN, sizeof(SHOWN) - 1},
    .build_info = {(const uint8_t *)"cc", 2},
    .create = create,
};
#endif
