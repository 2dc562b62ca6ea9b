/* `tamis`, the process: locale for what the terminal can show, then the tool. */
#include <locale.h>

#include "cli/tool.h"

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, ""); /* only LC_CTYPE: numbers keep their point */
  return tool_run(argc, argv, stdout, stderr);
}
