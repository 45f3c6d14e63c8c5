"""WD-1: accounts and tenants. Whatever belongs to another account does not exist."""

import unittest

from support import SID, TOKEN, AcceptanceTest, Space


class Tenants(AcceptanceTest):
    def second(self, name="second"):
        account = self.client.api.v2010.accounts.create(friendly_name=name)
        return account, self.server.client(account.sid, account.auth_token)

    def test_wd1_items_meet_only_workers_of_their_account(self):
        account, client = self.second()
        mine, theirs = self.space(), Space(self.server, client=client)
        alice, twin = mine.worker("alice"), theirs.worker("alice")
        task = mine.task({"who": "mine"})
        self.assertEqual(mine.offer(alice.sid).task_sid, task.sid)
        self.assertEqual(theirs.offers(twin.sid), [])
        self.assertEqual(theirs.api.tasks.list(), [])
        self.assertEqual({w.sid for w in client.taskrouter.v1.workspaces.list()}, {theirs.sid})
        self.assertNotIn(theirs.sid, {w.sid for w in self.client.taskrouter.v1.workspaces.list()})
        self.assertEqual(theirs.api.fetch().account_sid, account.sid)

    def test_wd1_another_accounts_sids_are_unknown_with_the_same_body(self):
        account, client = self.second()
        mine, theirs = self.space(), Space(self.server, client=client)
        worker, task = theirs.worker("w"), theirs.task()
        offer = theirs.offer(worker.sid)
        there, nowhere = theirs.path, f"/v1/Workspaces/WS{'0' * 32}"
        paths = [
            ("GET", ""), ("POST", ""), ("DELETE", ""), ("GET", "/Tasks"), ("GET", "/Workers"), ("GET", "/Workflows"), ("GET", "/TaskQueues"),
            ("GET", "/Activities"), ("GET", "/TaskChannels"), ("GET", f"/Tasks/{task.sid}"), ("POST", f"/Tasks/{task.sid}"), ("DELETE", f"/Tasks/{task.sid}"),
            ("GET", f"/Workers/{worker.sid}"), ("DELETE", f"/Workers/{worker.sid}"), ("GET", f"/Workers/{worker.sid}/Channels"),
            ("GET", f"/Workers/{worker.sid}/Reservations"), ("GET", f"/Tasks/{task.sid}/Reservations/{offer.sid}"),
            ("POST", f"/Workers/{worker.sid}/Reservations/{offer.sid}"), ("GET", f"/Workflows/{theirs.workflow.sid}"), ("GET", "/Events/Stream"),
            ("POST", "/Tasks"), ("POST", "/Workers"), ("POST", "/Tasks/Bulk"), ("GET", "/Tasks/Bulk/anything"),
        ]
        # A body that would be good at home, so that nothing else is found wrong with it first.
        body = {"Attributes": "{}", "FriendlyName": "x", "ReservationStatus": "accepted", "WorkflowSid": theirs.workflow.sid}
        for method, path in paths:
            with self.subTest(f"{method} {path}"):
                headers = {"Content-Type": "application/x-ndjson"} if path == "/Tasks/Bulk" else {}
                data = None if method != "POST" else b'{"attributes":{}}\n' if path == "/Tasks/Bulk" else body
                foreign = self.server.request(method, there + path, data=data, headers=headers)
                unknown = self.server.request(method, nowhere + path, data=data, headers=headers)
                self.assert_error(foreign, 404, 20404)
                self.assertEqual(foreign.text.replace(theirs.sid, "WS?"), unknown.text.replace("WS" + "0" * 32, "WS?"))
        self.assertEqual(theirs.api.tasks(task.sid).fetch().assignment_status, "reserved", "nothing happened")
        # Foreign ids inside one's own workspace.
        for path in [f"/Tasks/{task.sid}", f"/Workers/{worker.sid}", f"/Workflows/{theirs.workflow.sid}"]:
            self.assert_error(self.server.get(mine.path + path), 404, 20404)
        with self.refused(400, 20001):
            mine.task(workflow_sid=theirs.workflow.sid)

    def test_a_parents_key_does_not_open_its_subaccounts_workspaces(self):
        account, client = self.second()
        theirs = Space(self.server, client=client)
        self.assert_error(self.server.get(theirs.path), 404, 20404)
        self.assert_error(self.server.get(theirs.path, auth=(account.sid, TOKEN)), 401, 20003)
        self.assert_error(self.server.get(theirs.path, auth=(SID, account.auth_token)), 401, 20003)

    def test_credentials(self):
        for auth in [None, (SID, "wrong"), ("AC" + "0" * 32, TOKEN), ("nobody", "x"), ("", "")]:
            with self.subTest(auth):
                answer = self.server.get("/v1/Workspaces", auth=auth)
                self.assert_error(answer, 401, 20003, "Authenticate")
                self.assertIn("Basic", answer.headers["WWW-Authenticate"])
        for header in ["Basic", "Basic !!!", "Bearer x", "Basic " + "A" * 4000, "basic"]:
            with self.subTest(header[:12]):
                self.assert_error(self.server.get("/v1/Workspaces", auth=None, headers={"Authorization": header}), 401, 20003)

    def test_accounts_are_listed_fetched_and_changed(self):
        account, client = self.second("Name of its own")
        self.assertRegex(account.sid, "^AC[0-9a-f]{32}$")
        self.assertEqual(account.owner_account_sid, SID)
        self.assertEqual(account.status, "active")
        self.assertGreaterEqual(len(account.auth_token), 32)
        self.assertEqual(self.client.api.v2010.accounts(account.sid).fetch().friendly_name, "Name of its own")
        self.assertIn(account.sid, [a.sid for a in self.client.api.v2010.accounts.list()])
        self.assertIn(SID, [a.sid for a in self.client.api.v2010.accounts.list()])
        self.assertEqual([a.sid for a in self.client.api.v2010.accounts.list(friendly_name="Name of its own")], [account.sid])
        self.assertIn(account.sid, [a.sid for a in self.client.api.v2010.accounts.list(status="active")])
        self.assertEqual(self.client.api.v2010.accounts.list(friendly_name="Name of its own", status="closed"), [])
        self.assert_error(self.server.get("/2010-04-01/Accounts.json?Status=x"), 400, 20001, "Status")
        self.assertEqual([a.sid for a in client.api.v2010.accounts.list()], [account.sid], "a subaccount sees itself alone")
        with self.refused(404):
            client.api.v2010.accounts(SID).fetch()
        with self.refused(400, 21101):
            client.api.v2010.accounts.create(friendly_name="below")
        renamed = self.client.api.v2010.accounts(account.sid).update(friendly_name="Other")
        self.assertEqual(renamed.friendly_name, "Other")
        self.assertEqual(str(renamed.date_created.tzinfo) != "None", True, "RFC 2822 dates are read")

    def test_an_account_without_a_name_is_called_after_its_time(self):
        answer = self.server.post("/2010-04-01/Accounts.json", {})
        self.assertEqual(answer.status_code, 201)
        self.assertRegex(answer.json()["friendly_name"], r"^SubAccount Created at \d{4}-\d\d-\d\d (0[1-9]|1[0-2]):[0-5]\d [ap]m$")

    def test_a_closed_account_is_closed_for_good(self):
        account, client = self.second()
        Space(self.server, client=client)
        self.client.api.v2010.accounts(account.sid).update(status="suspended")
        refused = self.server.get("/v1/Workspaces", auth=(account.sid, account.auth_token))
        self.assertIn(refused.status_code, (401, 403))
        self.client.api.v2010.accounts(account.sid).update(status="active")
        self.assertEqual(self.server.get("/v1/Workspaces", auth=(account.sid, account.auth_token)).status_code, 200)
        self.client.api.v2010.accounts(account.sid).update(status="closed")
        with self.refused(400, 21479):
            self.client.api.v2010.accounts(account.sid).update(status="active")
        with self.refused(400, 21475):
            self.client.api.v2010.accounts(account.sid).update(status="dormant")
        with self.refused(400, 21477):
            self.client.api.v2010.accounts(SID).update(status="closed")

    def test_accounts_are_paged(self):
        made = {self.second(f"paged {number}")[0].sid for number in range(5)}
        seen = [account.sid for account in self.client.api.v2010.accounts.list(page_size=2)]
        self.assertEqual(len(seen), len(set(seen)))
        self.assertLessEqual(made, set(seen))


if __name__ == "__main__":
    unittest.main()
