import ColonyCore
import Foundation
import Testing

@testable import colony

/// A daemon that is killed while it works on the sagas of others.
struct SagaKillingTests {
    /// Answers all but one path, and writes down who was called, and whether the call is genuine. The one path is answered once a file is
    /// there.
    private static let participant = #"""
        import base64, hashlib, hmac, http.server, os, sys, time
        KEY = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
        folder = sys.argv[1]
        class Participant(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
                code = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
                known = any(hmac.compare_digest(code, each) for each in self.headers.get("webhook-signature", "").split())
                fresh = known and abs(time.time() - int(self.headers["webhook-timestamp"])) < 300
                with open(folder + "/calls", "a") as log:
                    log.write(f"{self.path} {self.headers['Idempotency-Key']} {fresh}\n")
                is_well = self.path != "/pay" or os.path.exists(folder + "/well")
                self.send_response(200 if fresh and is_well else 503)
                self.end_headers()
            def log_message(self, *arguments): pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Participant)
        with open(folder + "/port.new", "w") as file: file.write(str(server.server_port))
        os.rename(folder + "/port.new", folder + "/port")
        server.serve_forever()
        """#

    @Test func `coordinatorCrashEverywhere: after SIGKILL of the daemon the next one brings the saga to its end`()
        async throws
    {
        try await Scene.run { scene in
            try scene.write(Self.participant, to: "participant.py")
            _ = try await scene.during(
                ["/usr/bin/env", "python3", scene.path("participant.py"), scene.folder].map { Array($0.utf8) }
            ) { child in
                try await eventually("the participant listens: \(child.errors)") { scene.number(in: "port") != nil }
                try await Self.play(scene, "http://127.0.0.1:\(try #require(scene.number(in: "port")))")
                child.send(SIGKILL)
            }
            let calls = (scene.contents(of: "calls") ?? "").split(separator: "\n")
            #expect(calls.allSatisfy { $0.hasSuffix("True") })
            #expect(calls.count { $0.hasPrefix("/stock s:stock:action") } == 1)
            #expect(calls.count { $0.hasPrefix("/pay s:pay:action") } >= 2)
            #expect(calls.last?.hasPrefix("/mail s:mail:action") == true)
        }
    }

    /// Kills the daemon while the second of three steps has no answer, and lets another one have it.
    private static func play(_ scene: Scene, _ url: String) async throws {
        let settings = [
            "COLONY_TRANSACTIONS_SIGNING_KEY": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "COLONY_TRANSACTIONS_LEASE": "300ms",
        ]
        let retry = #""retry":{"initial_ms":10,"maximum_ms":50}"#
        try scene.write(
            #"{"id":"s","name":"order","steps":[{"name":"stock","action":"\#(url)/stock","compensation":"\#(url)/unstock"},"#
                + #"{"name":"pay","action":"\#(url)/pay",\#(retry)},{"name":"mail","action":"\#(url)/mail","retryable":true}]}"#,
            to: "saga.json")
        let post = "curl -s -H 'Content-Type: application/json' -d @$DIR/saga.json"
        try await scene.whileServing(variables: settings) { daemon in
            let begun = try await scene.shell("\(post) \(daemon.url)/v1/sagas")
            #expect(begun.output.contains(#""id":"s""#), "\(begun.output) \(begun.errors)")
            try await eventually("pay is called") { scene.contents(of: "calls")?.contains("/pay") == true }
            daemon.child.send(SIGKILL)
        }
        try scene.write("", to: "well")
        try await scene.whileServing(variables: settings) { daemon in
            try await eventually("the saga is completed") {
                let seen = try await scene.shell("curl -s '\(daemon.url)/v1/sagas/s?wait_ms=1000'")
                return seen.output.contains(#""state":"completed","started_at""#)
            }
            // The same again is the same saga, and calls nobody.
            let again = try await scene.shell("\(post) \(daemon.url)/v1/sagas")
            #expect(again.output == #"{"id":"s","state":"completed"}"#, "\(again.output)")
        }
    }
}
