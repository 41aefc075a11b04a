#include "ResolverShim.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>

enum { ANSWER_BYTES = 16 << 10, SRV_HEAD = 6 };

static int read_record(ns_msg *message, int index, resolvershim_srv *record) {
  ns_rr found;
  if (ns_parserr(message, ns_s_an, index, &found) != 0 || ns_rr_type(found) != ns_t_srv || ns_rr_rdlen(found) <= SRV_HEAD) return 0;
  const unsigned char *data = ns_rr_rdata(found);
  record->priority = (uint16_t)ns_get16(data);
  record->weight = (uint16_t)ns_get16(data + 2);
  record->port = (uint16_t)ns_get16(data + 4);
  char name[NS_MAXDNAME];
  if (dn_expand(ns_msg_base(*message), ns_msg_end(*message), data + SRV_HEAD, name, sizeof name) < 0) return 0;
  size_t length = strlen(name);
  if (length > 0 && name[length - 1] == '.') name[--length] = 0;
  if (length >= sizeof record->target) return 0;
  memcpy(record->target, name, length + 1);
  return 1;
}

int resolvershim_lookup_srv(const char *name, resolvershim_srv *records, int capacity) {
  struct __res_state state;
  memset(&state, 0, sizeof state);
  if (res_ninit(&state) != 0) return 0;
  unsigned char answer[ANSWER_BYTES];
  int length = res_nquery(&state, name, ns_c_in, ns_t_srv, answer, sizeof answer);
  int count = 0;
  ns_msg message;
  if (length > 0 && length <= (int)sizeof answer && ns_initparse(answer, length, &message) == 0)
    for (int index = 0; index < ns_msg_count(message, ns_s_an) && count < capacity; index++) count += read_record(&message, index, &records[count]);
  res_nclose(&state);
  return count;
}
