/* A device's first minute with the PEM files it is given: enrols through libtamis and says how that
 * ended. usage: enrol_once STATE ADDRESS INVITATION [CA [CERTIFICATE KEY]] */
#include <stdio.h>
#include <tamis/tamis.h>

int main(int argc, char **argv) {
  if (argc != 4 && argc != 5 && argc != 7) return 2;
  struct tamis_options options = {.struct_size = sizeof options,
                                  .state_dir = argv[1],
                                  .address = argv[2],
                                  .ca_file = argc > 4 ? argv[4] : NULL,
                                  .certificate_file = argc > 5 ? argv[5] : NULL,
                                  .key_file = argc > 5 ? argv[6] : NULL,
                                  .deadline_ms = 2000,
                                  .give_up_ms = 1500};
  struct tamis_client *client = NULL;
  enum tamis_status status = tamis_client_open(&options, &client);
  if (status == TAMIS_OK) status = tamis_client_enrol(client, argv[3]);
  printf("%s %s\n", tamis_status_name(status), tamis_client_error(client));
  if (client) tamis_client_close(client);
  return status == TAMIS_OK ? 0 : 1;
}
