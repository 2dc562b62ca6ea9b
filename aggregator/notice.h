/* Words for the operator from below the log: what went another way than usual, said by whoever
 * noticed to whoever writes it down. */
#ifndef TAMIS_NOTICE_H
#define TAMIS_NOTICE_H

enum notice_level { NOTICE_INFO, NOTICE_WARN, NOTICE_ERROR };

struct notice {
  /* May be called from any thread; NULL: nobody listens. Texts are borrowed for the call. */
  void (*say)(void *context, enum notice_level level, const char *event, const char *sentence);
  void *context;
};

void notice_say(const struct notice *notice, enum notice_level level, const char *event,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
