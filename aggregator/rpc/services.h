/* The tables of what the server answers: one row a method, one file a service. */
#ifndef TAMIS_SERVICES_H
#define TAMIS_SERVICES_H

#include "aggregator/rpc/answer.h"

extern const struct answer_row client_rows[];
extern const size_t client_row_count;
extern const struct answer_row operator_rows[];
extern const size_t operator_row_count;
extern const struct answer_row health_rows[];
extern const size_t health_row_count;

/* Step functions that two services share. Each starts from the message of its own service. */
enum tamis_status fetch_blob_step(struct request *request, struct fault *fault);

#endif
