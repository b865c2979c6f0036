#include "cloud/cloud.h"

#include <stdlib.h>
#include <string.h>

#include "auth/state.h"
#include "base/code.h"
#include "cloud/admin.h"
#include "cloud/background.h"
#include "cloud/envelope.h"
#include "cloud/issuer.h"
#include "cloud/metrics.h"
#include "cloud/telemetry.h"
#include "cloud/pipeline.h"
#include "cloud/root_key.h"
#include "cloud/task.h"
#include "sched/jobs.h"
#include "store/blob.h"
#include "wire/service.h"

/* The seal of page tokens: made once a data directory. */
static int load_seal(void *ctx, struct txn *t)
{
    struct cloud *cloud = ctx;
    struct key k;
    key_init(&k);
    key_c(&k, "sys");
    key_c(&k, "seal");
    struct str value;
    int rc = txn_get(t, key_view(&k), &value);
    if (rc == 0 && value.n == sizeof cloud->seal_key) {
        memcpy(cloud->seal_key, value.p, value.n);
        return 0;
    }
    random_bytes(cloud->seal_key, sizeof cloud->seal_key);
    return txn_put(t, key_view(&k), (struct str){ (const char *)cloud->seal_key, sizeof cloud->seal_key });
}

static struct cloud *cloud_new(const struct cloud_config *config, struct store *store, struct blobs *blobs)
{
    struct cloud *cloud = xalloc(sizeof *cloud);
    cloud->config = *config;
    cloud->store = store;
    cloud->blobs = blobs;
    cloud->started_ms = clock_mono_ms();
    return cloud;
}

int cloud_inspect(const struct cloud_config *config, struct store *store, struct blobs *blobs, struct cloud **ret)
{
    struct cloud *cloud = cloud_new(config, store, blobs);
    int rc = clock_open(store, &cloud->clock);
    if (rc < 0) {
        cloud_stop(cloud);
        return rc;
    }
    cloud->root_key_known = root_key_file_read(config->data_dir, cloud->root_key) == 0;
    root_key_derive(cloud);
    *ret = cloud;
    return 0;
}

int cloud_start(const struct cloud_config *config, struct store *store, struct blobs *blobs, struct cloud **ret)
{
    struct cloud *cloud = cloud_new(config, store, blobs);
    struct job_runner runner = cloud_job_runner;
    runner.ctx = cloud;
    int rc = clock_open(store, &cloud->clock);
    if (!rc)
        rc = writer_start(store, &cloud->writer);
    if (!rc)
        rc = jobs_open(store, cloud->writer, cloud->clock, &runner, &cloud->jobs);
    if (!rc)
        rc = writer_call(cloud->writer, load_seal, cloud);
    if (!rc)
        rc = root_key_load(cloud);
    if (rc) {
        cloud_stop(cloud);
        return rc;
    }
    cloud->auth = auth_state_new();
    cloud->auth->pardons = config->iam_soft;
    cloud->metrics = metrics_new();
    cloud->telemetry = telemetry_new();
    cloud->envelopes = envelopes_new();
    cloud->issuers = issuers_new(cloud);
    cloud->parking = parking_start(cloud);
    cloud->background = background_new(cloud);
    door_register(cloud, &admin_door);
    *ret = cloud;
    return 0;
}

int cloud_open(struct cloud *cloud)
{
    for (size_t i = 0; wire_services[i]; i++) {
        if (wire_services[i]->door)
            door_register(cloud, wire_services[i]->door);
        int rc = wire_services[i]->start ? wire_services[i]->start(cloud) : 0;
        if (rc)
            return rc;
        cloud->services_started = i + 1;
    }
    door_register(cloud, &api_door);
    return cloud->config.jobs_by_hand ? 0 : jobs_start(cloud->jobs); /* last: a job may need every service */
}

bool cloud_read_only(const struct cloud *cloud)
{
    return writer_failed(cloud->writer) || (cloud->blobs && blobs_failed(cloud->blobs));
}

void cloud_quiesce(struct cloud *cloud)
{
    park_quiesce(cloud->parking);
}

void cloud_stop(struct cloud *cloud)
{
    if (!cloud)
        return;
    background_free(cloud->background);
    jobs_stop(cloud->jobs);
    issuers_stop(cloud->issuers);
    for (size_t i = cloud->services_started; i-- > 0;)
        if (wire_services[i]->stop)
            wire_services[i]->stop(cloud);
    writer_stop(cloud->writer); /* before the parking: what it still commits wakes those who wait for it */
    parking_stop(cloud->parking);
    for (size_t i = cloud->services_started; i-- > 0;)
        if (wire_services[i]->free)
            wire_services[i]->free(cloud);
    jobs_free(cloud->jobs); /* what was committed or woken until now may still have asked for both */
    writer_free(cloud->writer);
    clock_free(cloud->clock);
    auth_state_free(cloud->auth);
    metrics_free(cloud->metrics);
    telemetry_free(cloud->telemetry);
    envelopes_free(cloud->envelopes);
    issuers_free(cloud->issuers);
    seal_erase(cloud->root_key, sizeof cloud->root_key);
    seal_erase(cloud->owned_key, sizeof cloud->owned_key);
    free(cloud->doors);
    free(cloud);
}
