/*
 * A link between two network namespaces, for a bench that wants a real path and has no netem.
 *
 * usage: link SERVER_NS CLIENT_NS RATE_MBIT DELAY_MS LOSS_PERCENT QUEUE_BYTES SEED
 *
 * In each namespace it makes a TUN device, tun0; what is sent on one comes out of the other. In C,
 * because a TUN device needs ioctl(2), which Node.js has not. On its way, each packet meets
 *
 *   1. a queue that drops what does not fit any more (drop-tail),
 *   2. the line: RATE, counted in bytes of IP,
 *   3. loss by chance, after the line: what is lost has used up its time, as on a radio link,
 *   4. a delay, the same for all: nothing overtakes.
 *
 * It says "ready", then a line of JSON with all counters whenever a line comes on its standard
 * input, and once more when that ends. So it never outlives the process that has started it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NEVER UINT64_MAX
#define BATCH 64 /* packets read in a row, so that a busy device does not hold up the other one */
#define PAUSE 40000 /* ns; see wait_until */

struct packet {
  struct packet *next;
  uint64_t due; /* when it comes out, ns */
  int length;
  unsigned char bytes[];
};

/* What came out for one destination port. */
struct flow {
  uint64_t packets, bytes;
  struct flow *next;
};

struct protocol {
  struct flow ports[65536];
  struct flow *seen; /* those that have any packets: looking through all would hold up the link */
};

struct direction {
  int from, to;                 /* TUN devices */
  struct packet *first, **last; /* on the line and beyond it, in order */
  uint64_t random;              /* state of the generator: each direction has its own losses */
  uint64_t free_at;             /* when the line will have sent all that waits, ns */
  uint64_t seen_at;             /* until when `queued` is summed up, ns */
  double queued;                /* queue over time: byte seconds */
  double max_queue;             /* bytes */
  uint64_t packets, bytes, dropped, lost;
  struct protocol tcp, udp;
};

static struct direction to_client, to_server;
static double rate;        /* bytes per ns */
static uint64_t delay;     /* ns */
static double loss;        /* 0 to 1 */
static double queue_limit; /* bytes */
static uint64_t started_at;

static void fail(const char *what) {
  fprintf(stderr, "link: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* SplitMix64: good from any seed, however small. 0 <= x < 1. */
static double chance(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}

/* Makes tun0 in the namespace, and stays there: the device belongs to where one is. */
static int open_device(const char *namespace) {
  char path[256];
  snprintf(path, sizeof path, "/var/run/netns/%s", namespace);
  int entry = open(path, O_RDONLY | O_CLOEXEC);
  if (entry < 0 || setns(entry, CLONE_NEWNET) < 0) fail(path);
  close(entry);
  int device = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
  if (device < 0) fail("/dev/net/tun");
  struct ifreq request = {.ifr_name = "tun0", .ifr_flags = IFF_TUN | IFF_NO_PI};
  if (ioctl(device, TUNSETIFF, &request) < 0) fail("TUNSETIFF");
  return device;
}

/* Bytes that wait for the line or are on it, and what they add up to over time. The queue sinks with
 * the rate, so between two packets it is a trapezium, or a triangle where it ran empty. */
static double queue_at(struct direction *way, uint64_t time) {
  double before = way->free_at > way->seen_at ? (double)(way->free_at - way->seen_at) * rate : 0;
  double after = way->free_at > time ? (double)(way->free_at - time) * rate : 0;
  double sinking = (before - after) / rate / 1e9;
  way->queued += (before + after) / 2 * sinking;
  way->seen_at = time;
  return after;
}

static void enter(struct direction *way, const unsigned char *bytes, int length) {
  uint64_t time = now();
  double queue = queue_at(way, time) + length;
  way->packets += 1;
  way->bytes += (uint64_t)length;
  if (queue > queue_limit) {
    way->dropped += 1;
    return;
  }
  if (queue > way->max_queue) way->max_queue = queue;
  way->free_at = (way->free_at > time ? way->free_at : time) + (uint64_t)(length / rate);
  if (chance(&way->random) < loss) {
    way->lost += 1;
    return;
  }
  struct packet *packet = malloc(sizeof *packet + (size_t)length);
  if (packet == NULL) fail("malloc");
  packet->next = NULL;
  packet->due = way->free_at + delay;
  packet->length = length;
  memcpy(packet->bytes, bytes, (size_t)length);
  *way->last = packet;
  way->last = &packet->next;
}

/* Reads what was sent into one end. */
static void take(struct direction *way) {
  static unsigned char bytes[65536];
  for (int count = 0; count < BATCH; count += 1) {
    ssize_t length = read(way->from, bytes, sizeof bytes);
    if (length <= 0) return;
    /* IPv6 is what the system says to itself about the device; nobody here speaks it. */
    if (bytes[0] >> 4 == 4) enter(way, bytes, (int)length);
  }
}

/* Later fragments of a packet have no port: they count for port 0. */
static void count(struct direction *way, const struct packet *packet) {
  const unsigned char *ip = packet->bytes;
  const unsigned char *ports = ip + (ip[0] & 15) * 4;
  int first = ((ip[6] & 31) << 8 | ip[7]) == 0;
  if ((ip[9] != IPPROTO_TCP && ip[9] != IPPROTO_UDP) || ports + 4 > ip + packet->length) return;
  struct protocol *protocol = ip[9] == IPPROTO_UDP ? &way->udp : &way->tcp;
  struct flow *flow = &protocol->ports[first ? ports[2] << 8 | ports[3] : 0];
  if (flow->packets == 0) {
    flow->next = protocol->seen;
    protocol->seen = flow;
  }
  flow->packets += 1;
  flow->bytes += (uint64_t)packet->length;
}

/* Writes what is due into the other end; returns when the next one is. */
static uint64_t give(struct direction *way) {
  while (way->first != NULL) {
    struct packet *packet = way->first;
    if (packet->due > now()) return packet->due;
    /* A device that does not take it is one that is being removed. */
    if (write(way->to, packet->bytes, (size_t)packet->length) > 0) count(way, packet);
    way->first = packet->next;
    if (way->first == NULL) way->last = &way->first;
    free(packet);
  }
  return NEVER;
}

static void print_flows(const char *name, const struct protocol *protocol) {
  const char *comma = "";
  printf(",\"%s\":{", name);
  for (const struct flow *flow = protocol->seen; flow != NULL; flow = flow->next) {
    printf("%s\"%d\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", comma,
           (int)(flow - protocol->ports), flow->packets, flow->bytes);
    comma = ",";
  }
  printf("}");
}

static void print_direction(const char *name, struct direction *way, uint64_t time) {
  queue_at(way, time);
  printf(",\"%s\":{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"dropped\":%" PRIu64
         ",\"lost\":%" PRIu64 ",\"queueByteSeconds\":%.3f,\"maxQueue\":%.0f",
         name, way->packets, way->bytes, way->dropped, way->lost, way->queued, way->max_queue);
  print_flows("tcp", &way->tcp);
  print_flows("udp", &way->udp);
  printf("}");
}

static void print_counters(void) {
  uint64_t time = now();
  printf("{\"seconds\":%.6f", (double)(time - started_at) / 1e9);
  print_direction("toClient", &to_client, time);
  print_direction("toServer", &to_server, time);
  printf("}\n");
  fflush(stdout);
}

static void begin(struct direction *way, int from, int to, uint64_t seed) {
  way->from = from;
  way->to = to;
  way->last = &way->first;
  way->random = seed;
  way->seen_at = started_at;
}

/* Sleeps until something was sent, something is due, or something is wanted. Returns 0 at the end.
 * After something was sent it sleeps a little longer, for what comes right behind it: to wake up for
 * each packet takes more of the processor at 1 Gbit/s than all else. */
static int wait_until(uint64_t due) {
  struct pollfd ends[] = {{to_client.from, POLLIN, 0}, {to_server.from, POLLIN, 0}, {0, POLLIN, 0}};
  uint64_t time = now();
  uint64_t left = due > time ? due - time : 0;
  struct timespec wait = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
  struct timespec pause = {0, PAUSE};
  if (ppoll(ends, 3, due == NEVER ? NULL : &wait, NULL) <= 0) return 1;
  nanosleep(&pause, NULL);
  if (ends[0].revents) take(&to_client);
  if (ends[1].revents) take(&to_server);
  if (!ends[2].revents) return 1;
  char line[16];
  int more = read(0, line, sizeof line) > 0;
  print_counters();
  return more;
}

int main(int count, char **words) {
  if (count != 8 || !(atof(words[3]) > 0)) {
    fprintf(stderr, "usage: link SERVER_NS CLIENT_NS RATE_MBIT DELAY_MS LOSS_PERCENT QUEUE_BYTES SEED\n");
    return 2;
  }
  rate = atof(words[3]) * 1e6 / 8 / 1e9;
  delay = (uint64_t)(atof(words[4]) * 1e6);
  loss = atof(words[5]) / 100;
  queue_limit = atof(words[6]);
  uint64_t seed = strtoull(words[7], NULL, 10);
  int server = open_device(words[1]);
  int client = open_device(words[2]);
  started_at = now();
  begin(&to_client, server, client, 2 * seed);
  begin(&to_server, client, server, 2 * seed + 1);
  /* To the nanosecond, and before the programs that are measured: or they would measure the wait
   * for a core. Without the right to that it still works. */
  prctl(PR_SET_TIMERSLACK, 1);
  setpriority(PRIO_PROCESS, 0, -10);
  printf("ready\n");
  fflush(stdout);
  uint64_t one, other;
  do {
    one = give(&to_client);
    other = give(&to_server);
  } while (wait_until(one < other ? one : other));
  return 0;
}
