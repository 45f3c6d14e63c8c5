import Ingress
import Testing

@Suite("What a request is about, for metrics (metrics.md, \"Requests\")")
struct RouteClassTests {
  @Test(
    "By the path alone",
    arguments: [
      ("/v1/Workspaces", "workspaces"), ("/v1/Workspaces/WS1", "workspaces"), ("/v1/Workspaces/WS1/Tasks", "tasks"),
      ("/v1/Workspaces/WS1/Tasks/WT1", "tasks"), ("/v1/Workspaces/WS1/Tasks/WT1/Reservations/WR1", "reservations"),
      ("/v1/Workspaces/WS1/Tasks/Bulk", "bulk"), ("/v1/Workspaces/WS1/Tasks/Bulk/import", "bulk"),
      ("/v1/Workspaces/WS1/Workers/WK1", "workers"), ("/v1/Workspaces/WS1/Workers/WK1/Reservations", "reservations"),
      ("/v1/Workspaces/WS1/Workers/WK1/Channels/default", "worker_channels"), ("/v1/Workspaces/WS1/TaskQueues/WQ1", "task_queues"),
      ("/v1/Workspaces/WS1/Workflows", "workflows"), ("/v1/Workspaces/WS1/Activities/WA1", "activities"),
      ("/v1/Workspaces/WS1/TaskChannels/TC1", "task_channels"), ("/v1/Workspaces/WS1/Events/Stream", "events"),
      ("/2010-04-01/Accounts/AC1.json", "accounts"), ("/health", "probes"), ("/ready", "probes"), ("/metrics", "probes"),
      ("/v1/Workspaces/WS1/Nothing", "other"), ("/", "other"), ("", "other"), ("*", "other"), ("/v1", "other"),
      ("//v1//Workspaces/", "workspaces"),
    ])
  func routes(_ path: String, _ expected: String) { #expect(RouteClass(path: path).label == expected) }
}
