// The keys that ZooKeeper knows and this server does not act on. See key_table.h.
#include "config/key_table.h"

namespace zooid::config {
namespace {

constexpr KeyForm kFile = KeyForm::kFile;
constexpr KeyForm kProperty = KeyForm::kProperty;
constexpr KeyForm kJvmOnly = KeyForm::kJvmOnly;

constexpr Key refused(std::string_view name, KeyForm form, std::string_view harmless,
                      std::string_view reason) {
  return {.name = name,
          .form = form,
          .key_class = KeyClass::kRefused,
          .field = {},
          .harmless = harmless,
          .reason = reason};
}

constexpr Key warned(std::string_view name, KeyForm form, std::string_view harmless,
                     std::string_view reason) {
  return {.name = name,
          .form = form,
          .key_class = KeyClass::kWarned,
          .field = {},
          .harmless = harmless,
          .reason = reason};
}

constexpr std::string_view kNoTls =
    "TLS is not supported yet, and without it data would travel unencrypted";
constexpr std::string_view kNoSasl = "SASL and Kerberos are not supported yet";
constexpr std::string_view kNoQuorumSasl =
    "SASL between servers is not supported yet, so peers would not be authenticated";
constexpr std::string_view kNoAuthProviders =
    "authentication providers are Java classes; digest, ip, world and auth are built in";
constexpr std::string_view kNoMandatoryAuth =
    "mandatory authentication is not supported yet, so everybody would be let in";
constexpr std::string_view kNoObservers = "observers are not supported yet";
constexpr std::string_view kNoWeights =
    "groups and weights are not supported yet; this server would count another quorum than its "
    "peers";
constexpr std::string_view kNoAudit =
    "the audit log is not written yet; set it to false to start without one";
constexpr std::string_view kTestOnly = "it exists for tests of ZooKeeper and endangers data";

constexpr Key kRefusedKeys[] = {
    refused("secureClientPort", kFile, "0", kNoTls),
    refused("secureClientPortAddress", kFile, "", kNoTls),
    refused("sslQuorum", kFile, "false", kNoTls),
    refused("portUnification", kFile, "false", kNoTls),
    refused("sslQuorumReloadCertFiles", kFile, "false", kNoTls),
    refused("ssl.*", kProperty, "", kNoTls),
    refused("client.portUnification", kProperty, "false", kNoTls),
    refused("client.certReload", kProperty, "false", kNoTls),
    refused("quorum.auth.enableSasl", kFile, "false", kNoQuorumSasl),
    refused("quorum.auth.learnerRequireSasl", kFile, "false", kNoQuorumSasl),
    refused("quorum.auth.serverRequireSasl", kFile, "false", kNoQuorumSasl),
    refused("quorum.auth.*", kFile, "", kNoQuorumSasl),
    refused("authProvider.*", kProperty, "", kNoAuthProviders),
    refused("requireClientAuthScheme", kProperty, "", kNoMandatoryAuth),
    refused("sessionRequireClientSASLAuth", kProperty, "false", kNoMandatoryAuth),
    refused("enforce.auth.enabled", kProperty, "false", kNoMandatoryAuth),
    refused("enforce.auth.schemes", kProperty, "", kNoMandatoryAuth),
    refused("superUser", kProperty, "", kNoSasl),
    refused("superUser.*", kProperty, "", kNoSasl),
    refused("X509AuthenticationProvider.*", kProperty, "", kNoTls),
    refused("SASLAuthenticationProvider.*", kProperty, "", kNoSasl),
    refused("letAnySaslUserDoX", kProperty, "", kNoSasl),
    refused("sasl.*", kProperty, "", kNoSasl),
    refused("kerberos.*", kProperty, "", kNoSasl),
    refused("requireKerberosConfig", kProperty, "false", kNoSasl),
    refused("security.auth_to_local", kProperty, "", kNoSasl),
    refused("kinit", kProperty, "", kNoSasl),
    refused(
        "ensembleAuthName", kProperty, "",
        "the ensemble scheme is not supported yet, so clients of other ensembles would be let in"),
    refused("peerType", kFile, "participant", kNoObservers),
    refused("observerMasterPort", kFile, "0", kNoObservers),
    refused("group.*", kFile, "", kNoWeights),
    refused("weight.*", kFile, "", kNoWeights),
    refused("oraclePath", kFile, "", "the quorum oracle of two servers is not supported yet"),
    refused("electionAlg", kFile, "3", "only 3 (fast leader election) exists"),
    refused("multiAddress.enabled", kFile, "false",
            "several addresses for one server are not supported yet"),
    refused("audit.enable", kProperty, "false", kNoAudit),
    refused("test.allowDiscontinuousProposals", kProperty, "false", kTestOnly),
    refused("testingonly.initialZxid", kProperty, "-1", kTestOnly),
};

constexpr std::string_view kJavaOnly = "it tunes a part that only the Java server has";
constexpr std::string_view kNoCaches = "answers are not cached here, and need not be";
constexpr std::string_view kNoMetrics = "metrics are read with the four-letter word mntr";
constexpr std::string_view kNoAdmin = "the administration server is not supported yet";
constexpr std::string_view kNoPauses = "there is no JVM that pauses";
constexpr std::string_view kNotTunable = "this cannot be tuned here yet";
constexpr std::string_view kOnlyWithTls = "it matters only with TLS, which is not supported yet";
constexpr std::string_view kOnlyWithSasl = "it matters only with SASL, which is not supported yet";
constexpr std::string_view kOnlyForObservers = "it matters only to observers";
constexpr std::string_view kWrongName =
    "ZooKeeper's documentation has this name, but its servers ignore it, too";

constexpr Key kWarnedKeys[] = {
    warned("connectToLearnerMasterLimit", kFile, "0", "initLimit bounds this, too"),
    warned("syncEnabled", kFile, "true", kOnlyForObservers),
    warned("quorum.cnxn.threads.size", kFile, "", kJavaOnly),
    warned("jvm.pause.monitor", kFile, "false", kNoPauses),
    warned("jvm.pause.sleep.time.ms", kFile, "", kNoPauses),
    warned("jvm.pause.warn-threshold.ms", kFile, "", kNoPauses),
    warned("jvm.pause.info-threshold.ms", kFile, "", kNoPauses),
    warned("metricsProvider.className", kFile,
           "org.apache.zookeeper.metrics.impl.DefaultMetricsProvider", kNoMetrics),
    warned("metricsProvider.*", kFile, "", kNoMetrics),
    warned("multiAddress.reachabilityCheckTimeoutMs", kFile, "", kNotTunable),
    warned("multiAddress.reachabilityCheckEnabled", kFile, "", kNotTunable),
    warned("fsync.warningthresholdms", kProperty, "1000", kNotTunable),
    warned("flushDelay", kProperty, "0", "what queues during a sync is synced together anyway"),
    warned("maxWriteQueuePollTime", kProperty, "", kJavaOnly),
    warned("maxBatchSize", kProperty, "", kNotTunable),
    warned("maxResponseCacheSize", kProperty, "0", kNoCaches),
    warned("maxGetChildrenResponseCacheSize", kProperty, "0", kNoCaches),
    warned("intBufferStartingSizeBytes", kProperty, "", kJavaOnly),
    warned("request_throttler.shutdownTimeout", kProperty, "",
           "requests that wait when the server ends are dropped at once"),
    warned("watchManagerName", kProperty, "", "watches are kept compactly in any case"),
    warned("watcherCleanThreshold", kProperty, "", kJavaOnly),
    warned("watcherCleanIntervalInSeconds", kProperty, "", kJavaOnly),
    warned("watcherCleanThreadsNum", kProperty, "", kJavaOnly),
    warned("maxInProcessingDeadWatchers", kProperty, "", kJavaOnly),
    warned("bitHashCacheSize", kProperty, "", kJavaOnly),
    warned("commitProcessor.numWorkerThreads", kProperty, "", kJavaOnly),
    warned("commitProcessor.shutdownTimeout", kProperty, "", kJavaOnly),
    warned("commitProcessor.maxReadBatchSize", kProperty, "", kJavaOnly),
    warned("commitProcessor.maxCommitBatchSize", kProperty, "", kJavaOnly),
    warned("forceSnapshotSync", kProperty, "false", kNotTunable),
    warned("serverCnxnFactory", kProperty, "", kJavaOnly),
    warned("clientTcpKeepAlive", kProperty, "false", "silent clients go by their session time-out"),
    warned("nio.*", kProperty, "", kJavaOnly),
    warned("netty.*", kProperty, "", kJavaOnly),
    warned("allowSaslFailedClients", kProperty, "false", kOnlyWithSasl),
    warned("fips-mode", kProperty, "", kOnlyWithTls),
    warned("fastleader.minNotificationInterval", kProperty, "200", kNotTunable),
    warned("fastleader.maxNotificationInterval", kProperty, "60000", kNotTunable),
    warned("quorumCnxnTimeoutMs", kProperty, "-1", kNotTunable),
    warned("tcpKeepAlive", kProperty, "false", "pings find dead peers"),
    warned("electionPortBindRetry", kProperty, "", "a port in use is told at once"),
    warned("leaderServes", kProperty, "yes", "a leader serves clients here"),
    warned("leader.maxTimeToWaitForEpoch", kProperty, "-1", kNotTunable),
    warned("leader.ackLoggingFrequency", kProperty, "", kJavaOnly),
    warned("leader.maxConcurrentSnapSyncs", kProperty, "", kOnlyForObservers),
    warned("leader.maxConcurrentDiffSyncs", kProperty, "", kOnlyForObservers),
    warned("leader.closeSocketAsync", kProperty, "", kJavaOnly),
    warned("learner.closeSocketAsync", kProperty, "", kJavaOnly),
    warned("learner.asyncSending", kProperty, "", kJavaOnly),
    warned("leader.nodelay", kJvmOnly, "true", kNotTunable),
    warned("follower.nodelay", kJvmOnly, "true", kNotTunable),
    warned("leaderConnectDelayDuringRetryMs", kProperty, "100", kNotTunable),
    warned("observer.syncEnabled", kProperty, "true", kOnlyForObservers),
    warned("observer.reconnectDelayMs", kProperty, "0", kOnlyForObservers),
    warned("observer.election.DelayMs", kProperty, "200", kOnlyForObservers),
    warned("observerMaster.sizeLimit", kProperty, "", kOnlyForObservers),
    warned("follower.skipLearnerRequestToNextProcessor", kProperty, "false", kJavaOnly),
    warned("forward_learner_requests_to_commit_processor_disabled", kProperty, "", kJavaOnly),
    warned("IPAuthenticationProvider.usexforwardedfor", kProperty, "false", kNoAdmin),
    warned("admin.*", kProperty, "", kNoAdmin),
    warned("audit.impl.class", kProperty, "", kJavaOnly),
    warned("messageTracker.BufferSize", kProperty, "", kJavaOnly),
    warned("messageTracker.Enabled", kProperty, "false", kJavaOnly),
    warned("pathStats.enabled", kProperty, "false", kNotTunable),
    warned("pathStats.*", kProperty, "", kNotTunable),
    warned("jmx.log4j.disable", kProperty, "true", kJavaOnly),
    warned("configuration", kProperty, "", kTestOnly),
    warned("controllerPort", kProperty, "", kTestOnly),
    warned("connectionMaxTokens", kFile, "", kWrongName),
    warned("connectionTokenFillTime", kFile, "", kWrongName),
    warned("connectionTokenFillCount", kFile, "", kWrongName),
    warned("connectionFreezeTime", kFile, "", kWrongName),
    warned("connectionDropIncrease", kFile, "", kWrongName),
    warned("connectionDropDecrease", kFile, "", kWrongName),
    warned("connectionDecreaseRatio", kFile, "", kWrongName),
    warned("requestThrottleLimit", kFile, "", kWrongName),
    warned("requestThrottleStallTime", kFile, "", kWrongName),
    warned("requestThrottleDropStale", kFile, "", kWrongName),
    warned("requestStaleLatencyCheck", kFile, "", kWrongName),
    warned("requestStaleConnectionCheck", kFile, "", kWrongName),
    warned("advancedFlowControlEnabled", kFile, "", kWrongName),
    warned("maxConcurrentSnapSyncs", kFile, "", kWrongName),
    warned("maxConcurrentDiffSyncs", kFile, "", kWrongName),
    warned("throttledOpWaitTime", kFile, "", kWrongName),
    warned("outstandingHandshake.limit", kFile, "", kWrongName),
    warned("maxTimeToWaitForEpoch", kFile, "", kWrongName),
};

}  // namespace

bool is_misnomer(const Key& key) {
  return key.reason == kWrongName;
}

std::span<const Key> refused_keys() {
  return kRefusedKeys;
}
std::span<const Key> warned_keys() {
  return kWarnedKeys;
}

}  // namespace zooid::config
