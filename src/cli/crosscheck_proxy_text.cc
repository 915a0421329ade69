#include <fmt/format.h>

#include "cli/crosscheck_json.h"
#include "cli/crosscheck_proxy.h"

namespace zooid::cli {
namespace {

const char* kind_name(ProxyFinding::Kind kind) {
  switch (kind) {
    case ProxyFinding::Kind::kDifference:
      return "difference";
    case ProxyFinding::Kind::kFollowing:
      return "following";
    case ProxyFinding::Kind::kOrder:
      return "order";
  }
  return "";
}

}  // namespace

std::string proxy_finding_text(const ProxyFinding& finding) {
  std::string text =
      fmt::format("{} on {}: {}\n", kind_name(finding.kind), finding.connection, finding.request);
  if (!finding.reason.empty()) text += fmt::format("    because {}\n", finding.reason);
  return text + fmt::format("    reference: {}\n    candidate: {}\n", finding.reference,
                            finding.candidate);
}

std::string proxy_finding_json(const ProxyFinding& finding) {
  return fmt::format(
      "{{\"kind\":{},\"connection\":{},\"request\":{},\"reason\":{},\"reference\":{},"
      "\"candidate\":{}}}\n",
      json_string(kind_name(finding.kind)), json_string(finding.connection),
      json_string(finding.request), json_string(finding.reason), json_string(finding.reference),
      json_string(finding.candidate));
}

std::string proxy_report_text(const CrosscheckProxyReport& report) {
  const ProxyCounts& counts = report.counts;
  std::string text =
      fmt::format("{} requests and {} events of {} connections compared: {} differences",
                  counts.exchanges, counts.events, report.connections, counts.differences);
  if (counts.following > 0) text += fmt::format(", {} that follow from others", counts.following);
  text += '\n';
  if (report.distortions > 0) text += fmt::format("  {} frames distorted\n", report.distortions);
  for (const auto& [reason, times] : counts.order) {
    text += fmt::format("  order, {} times: {}\n", times, reason);
  }
  for (const auto& [rule, times] : counts.known) {
    const CrosscheckRuleText& about = text_of(rule);
    text += fmt::format("  known difference {} ({}), {} times: {}\n", about.name, about.kind, times,
                        about.reason);
  }
  if (!report.dropped.empty()) {
    text +=
        fmt::format("  the shadow was dropped, nothing was compared since: {}\n", report.dropped);
  }
  return text;
}

std::string proxy_report_json(const CrosscheckProxyReport& report) {
  const ProxyCounts& counts = report.counts;
  std::string order, known;
  for (const auto& [reason, times] : counts.order) {
    order += fmt::format("{}{}:{}", order.empty() ? "" : ",", json_string(reason), times);
  }
  for (const auto& [rule, times] : counts.known) {
    known +=
        fmt::format("{}{}:{}", known.empty() ? "" : ",", json_string(text_of(rule).name), times);
  }
  return fmt::format(
      "{{\"requests\":{},\"events\":{},\"connections\":{},\"differences\":{},\"following\":{},"
      "\"order\":{{{}}},\"known\":{{{}}},\"distortions\":{},\"dropped\":{}}}\n",
      counts.exchanges, counts.events, report.connections, counts.differences, counts.following,
      order, known, report.distortions,
      report.dropped.empty() ? "null" : json_string(report.dropped));
}

}  // namespace zooid::cli
