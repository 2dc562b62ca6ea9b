/* grpc.health.v1, for load balancers and supervisors: the whole server and each of its services
 * serve, or it is stopping. */
#include "aggregator/rpc/services.h"

#include <string.h>
#include "tamis/v1/health.pb-c.h"

enum {
  SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
  NOT_SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING,
  SERVICE_UNKNOWN = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN
};

static bool service_is_known(const char *name) {
  static const char *const known[] = {"", "tamis.v1.Client", "tamis.v1.Operator"};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcmp(name, known[i])) return true;
  return false;
}

static void health_fill(const struct request *request,
                        Grpc__Health__V1__HealthCheckResponse *reply) {
  const Grpc__Health__V1__HealthCheckRequest *asked = request->message;
  if (!service_is_known(asked->service))
    reply->status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)SERVICE_UNKNOWN;
  else
    reply->status =
        (Grpc__Health__V1__HealthCheckResponse__ServingStatus)(bell_is_closing(
                                                                   request->service->bell)
                                                                   ? NOT_SERVING
                                                                   : SERVING);
}

static enum tamis_status check(struct request *request, struct fault *fault) {
  Grpc__Health__V1__HealthCheckResponse reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
  health_fill(request, &reply);
  if ((int)reply.status == SERVICE_UNKNOWN)
    return fault_set(fault, TAMIS_NOT_FOUND, "no service of that name");
  return answer_reply(request, &reply.base, fault);
}

/* Says how things are, and again only when that changes; `cursor` is what it said last. */
static enum tamis_status watch(struct request *request, struct fault *fault) {
  Grpc__Health__V1__HealthCheckResponse reply = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
  health_fill(request, &reply);
  if (request->is_begun && request->cursor == (uint64_t)reply.status)
    return answer_wait(request, UINT64_MAX);
  request->cursor = (uint64_t)reply.status;
  return answer_send(request, &reply.base, fault);
}

const struct answer_row health_rows[] = {
    {"/grpc.health.v1.Health/Check", &grpc__health__v1__health_check_request__descriptor,
     AUDIENCE_ANYONE, true, check},
    {"/grpc.health.v1.Health/Watch", &grpc__health__v1__health_check_request__descriptor,
     AUDIENCE_ANYONE, false, watch},
};
const size_t health_row_count = sizeof health_rows / sizeof *health_rows;
