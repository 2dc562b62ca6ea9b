/* One sentence, formatted once. */
#include "aggregator/notice.h"

#include <stdarg.h>
#include <stdio.h>

void notice_say(const struct notice *notice, enum notice_level level, const char *event,
                const char *format, ...) {
  char sentence[512];
  va_list arguments;
  if (!notice->say) return;
  va_start(arguments, format);
  vsnprintf(sentence, sizeof sentence, format, arguments);
  va_end(arguments);
  notice->say(notice->context, level, event, sentence);
}
