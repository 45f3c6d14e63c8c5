import json, os
from twilio.rest import Client

client = Client(os.environ["TRUNKLINE_ACCOUNT_SID"], os.environ["TRUNKLINE_AUTH_TOKEN"])
client.taskrouter.base_url = os.environ.get("TRUNKLINE_URL", "http://127.0.0.1:8080")

workspace = client.taskrouter.v1.workspaces.create(friendly_name="Support desk")
desk = client.taskrouter.v1.workspaces(workspace.sid)
available = desk.activities.list(friendly_name="Available")[0]

spanish = desk.task_queues.create(friendly_name="Spanish", target_workers='languages HAS "es"')
anyone = desk.task_queues.create(friendly_name="Anyone")
workflow = desk.workflows.create(
    friendly_name="By language",
    configuration=json.dumps({"task_routing": {
        "filters": [{"filter_friendly_name": "Spanish", "expression": "language == 'es'",
                     "targets": [{"queue": spanish.sid, "priority": 5, "timeout": 60}, {"queue": anyone.sid}]}],
        "default_filter": {"queue": anyone.sid}}}))

desk.workers.create(friendly_name="alice", attributes=json.dumps({"languages": ["es", "en"]}), activity_sid=available.sid)
task = desk.tasks.create(workflow_sid=workflow.sid, attributes=json.dumps({"language": "es", "subject": "factura"}))

offer = desk.tasks(task.sid).reservations.list()[0]
print(f"task {task.sid} (priority {task.priority}) is offered to {offer.worker_name}")
desk.tasks(task.sid).reservations(offer.sid).update(reservation_status="accepted")
done = desk.tasks(task.sid).update(assignment_status="completed", reason="answered")
print(f"and is {done.assignment_status}: {done.reason}")
