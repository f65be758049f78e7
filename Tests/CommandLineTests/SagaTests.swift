import ColonyCore
import ColonySQLite
import ColonyTransactions
import Foundation
import Testing

/// `colony saga`: what stands in a journal is shown and decided about, on a file and through a daemon.
@Suite struct SagaTests {
    private static let id = "order-4711"

    /// Plays a saga of stock, payment, and mail on the file of the scene, whose compensation of the stock or whose mail is refused.
    private static func play(
        in scene: Scene, id: String = Self.id, refusing: String, paying: Bool = true
    ) async throws {
        let saga = try Saga<[String: Int], [String: Bool]>("place-order") { saga in
            saga.step("stock") { call -> Int in
                call.input["item"] ?? 0
            } compensation: { _ in
                if refusing == "release" { throw Refusal("the shelf is locked") }
            }
            let rest = saga.pivot("payment") { _ in
                if !paying { throw Refusal("card unreadable") }
            }
            return rest.retryable("mail") { _ -> [String: Bool] in
                if refusing == "mail" { throw Refusal("no such address") }
                return ["sent": true]
            }
        }
        let coordinator = try TransactionCoordinator(
            SQLiteTransactionJournal(path: scene.path("colony.db")), definitions: [saga])
        try await coordinator.run {
            let handle = try await coordinator.start(saga, ["item": 7], id: TransactionID(id))
            _ = try? await handle.outcome(upTo: .seconds(30))
        }
    }

    private static func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func `a stuck saga is listed first, and inspecting it says what can be decided`() async throws {
        try await Scene.run { scene in
            try await Self.play(in: scene, id: "fine", refusing: "nothing")
            try await Self.play(in: scene, refusing: "release", paying: false)
            let list = try await scene.colony("saga", "list")
            #expect(list.code == 0, "\(list.errors)")
            let lines = list.output.split(separator: "\n")
            #expect(lines.count == 3)
            #expect(lines[1].hasPrefix(Self.id) && lines[1].contains("stuck"))
            #expect(lines[2].contains("completed"))

            let details = try await scene.colony("saga", "inspect", Self.id)
            for part in [
                "stuck at     the compensation of stock", "because      refused: the shelf is locked",
                "payment refused: card unreadable",
                "payload      {\"item\":7}", "colony saga retry order-4711", "colony saga skip order-4711",
                "colony saga resolve --as compensated order-4711",
            ] {
                #expect(details.output.contains(part), "\(part) is not in\n\(details.output)")
            }
            #expect(!details.output.contains("turn-back"), "it has turned back already")

            let document = try Self.json(try await scene.colony("saga", "inspect", Self.id, "--json").output)
            #expect(document["state"] as? String == "stuck")
            #expect((document["trouble"] as? [String: String])?["direction"] == "compensation")
            #expect((document["payload"] as? [String: Int]) == ["item": 7])
            let steps = try #require(document["steps"] as? [[String: Any]])
            #expect(steps.map { $0["state"] as? String } == ["compensating", "refused", "waiting"])
            #expect(steps.map { $0["kind"] as? String } == ["compensable", "pivot", "retryable"])
            #expect(steps[0]["output"] as? Int == 7)
            #expect(steps[1]["after"] as? [String] == ["stock"])
        }
    }

    @Test func `lists are filtered by state and name, and counted`() async throws {
        try await Scene.run { scene in
            try await Self.play(in: scene, id: "a", refusing: "nothing")
            try await Self.play(in: scene, id: "b", refusing: "mail")
            let stuck = try Self.json(
                try await scene.colony("saga", "list", "--state", "stuck,running", "--json").output)
            #expect((stuck["transactions"] as? [[String: Any]])?.map { $0["id"] as? String } == ["b"])
            #expect((stuck["counts"] as? [String: Int])?["completed"] == 1)
            let none = try await scene.colony("saga", "list", "--name", "another")
            #expect(none.code == 0 && none.output.isEmpty)
            #expect(none.errors.contains("There is no transaction of this state and name."))
            let one = try Self.json(try await scene.colony("saga", "list", "--limit", "1", "--json").output)
            #expect((one["transactions"] as? [Any])?.count == 1)
        }
    }

    @Test func `a person's decision is written down with name and note, and holds once`() async throws {
        try await Scene.run { scene in
            try await Self.play(in: scene, refusing: "mail")
            let refused = try await scene.colony("saga", "turn-back", Self.id)
            #expect(refused.code == 1, "the pivot was passed")
            #expect(refused.errors.contains("it cannot turn back"))
            let skipped = try await scene.colony(
                "saga", "skip", Self.id, "--by", "ann", "--note", "told by telephone", "--output", "{\"sent\":false}")
            #expect(skipped.code == 0, "\(skipped.errors)")
            let again = try await scene.colony("saga", "skip", Self.id, "--json")
            #expect(again.code == 1)
            #expect(try Self.json(again.errors)["code"] as? String == "not_stuck")
            let details = try await scene.colony("saga", "inspect", Self.id)
            #expect(details.output.contains("ann decided: skip: told by telephone"), "\(details.output)")
            #expect(details.output.contains("{\"sent\":false}"))
            // With the coordinator back, it ends.
            try await Self.play(in: scene, refusing: "nothing")
            #expect(try await scene.colony("saga", "inspect", Self.id).output.contains("state        completed"))
        }
    }

    @Test func `closing, turning back, and trying again`() async throws {
        try await Scene.run { scene in
            try await Self.play(in: scene, id: "closed", refusing: "mail")
            let closed = try await scene.colony("saga", "resolve", "closed", "--as", "completed")
            #expect(closed.output == "The transaction \"closed\" is closed as completed.\n", "\(closed.errors)")
            let document = try Self.json(try await scene.colony("saga", "inspect", "closed", "--json").output)
            #expect(document["state"] as? String == "completed")
            let entries = try #require(document["entries"] as? [[String: Any]])
            #expect(entries.last?["event"] as? String == "finished")
            #expect((entries.dropLast().last?["by"] as? String)?.isEmpty == false, "the login name is written down")

            try await Self.play(in: scene, id: "again", refusing: "release", paying: false)
            #expect(try await scene.colony("saga", "retry", "again").output.contains("goes on"))
            try await Self.play(in: scene, id: "again", refusing: "nothing", paying: false)
            let ended = try await scene.colony("saga", "inspect", "again")
            #expect(ended.output.contains("state        compensated"), "\(ended.output)")
            let cancelled = try await scene.colony("saga", "cancel", "again")
            #expect(cancelled.code == 1)
            #expect(cancelled.errors.contains("has ended: it is compensated"))
        }
    }

    @Test func `words that cannot be are refused with the value`() async throws {
        try await Scene.run { scene in
            for (words, code, part) in [
                (["inspect", "nobody"], 1, "there is no transaction \"nobody\""),
                (["retry", "nobody"], 1, "there is no transaction nobody"),
                (["list", "--state", "asleep"], 64, "\"asleep\" is no state"),
                (["list", "--limit", "0"], 64, "--limit 0 is not from 1"),
                (["resolve", "a", "--as", "done"], 64, "\"done\" is no end"),
                (["skip", "a", "--output", "{oops"], 64, "\"{oops\" is not JSON"),
                (["inspect", String(repeating: "x", count: 101)], 64, "101 bytes"),
                (["list", "--store", "redis://127.0.0.1:1"], 64, "and no transactions"),
                (["list", "--server", "http://127.0.0.1:1"], 75, "cannot be reached"),
                (["start", "-"], 64, "is a store. Give --server"),
                (["start", "missing.json", "--server", "http://127.0.0.1:1"], 1, "\"missing.json\" cannot be read"),
                (["start", "/dev/null", "--server", "http://127.0.0.1:1"], 64, "has no definition"),
            ] {
                let outcome = try await scene.colony(["saga"] + words)
                #expect(outcome.code == Int32(code), "\(words): \(outcome.errors)")
                #expect(outcome.errors.contains(part), "\(words): \(outcome.errors)")
            }
            try scene.write("{\"name\":\"a\"}", to: "neither.json")
            let neither = try await scene.colony(
                "saga", "start", scene.path("neither.json"), "--server", "http://127.0.0.1:1")
            #expect(neither.code == 64 && neither.errors.contains("\"steps\""))
        }
    }

    /// A definition whose only step calls an address at which nobody listens.
    private static func definition(_ id: String, item: Int = 7, retry: String) -> String {
        #"{"id":"\#(id)","name":"place-order","payload":{"item":\#(item)},"#
            + #""steps":[{"name":"stock","action":"http://127.0.0.1:1/","compensation":"http://127.0.0.1:1/","#
            + #""retry":{"initial_ms":20,\#(retry)}}]}"#
    }

    @Test func `a daemon works on what a file defines, and says when it ends`() async throws {
        try await Scene.run { scene in
            try await scene.whileServing { daemon in
                let server = ["--server", daemon.url]
                try scene.write(Self.definition("once", retry: #""attempts":1"#), to: "once.json")
                let stuck = try await scene.colony(
                    ["saga", "start", scene.path("once.json"), "--wait", "30s"] + server)
                #expect(stuck.code == 1, "\(stuck.errors)")
                #expect(stuck.output.contains("stuck at     the action of stock"), "\(stuck.output)")
                #expect(stuck.output.contains("colony saga turn-back once"))
                let again = try await scene.colony(["saga", "start", scene.path("once.json"), "--json"] + server)
                #expect(
                    try Self.json(again.output)["state"] as? String == "stuck", "it was begun twice: \(again.errors)")
                try scene.write(Self.definition("once", item: 8, retry: #""attempts":1"#), to: "other.json")
                let conflict = try await scene.colony(["saga", "start", scene.path("other.json")] + server)
                #expect(conflict.code == 1 && conflict.errors.contains("once"), "\(conflict.errors)")

                try scene.write(Self.definition("endless", retry: #""maximum_ms":50"#), to: "endless.json")
                let endless = try await scene.colony(
                    ["saga", "start", scene.path("endless.json"), "--wait", "200ms"] + server)
                #expect(endless.code == 75, "\(endless.errors)")
                #expect(endless.output.contains("due: an answer of stock"), "\(endless.output)")
                #expect(try await scene.colony(["saga", "cancel", "endless"] + server).code == 0)
                try await eventually("it turns back") {
                    let list = try await scene.colony(["saga", "list", "--state", "compensating", "--json"] + server)
                    return list.output.contains("\"endless\"")
                }

                // The file of the daemon tells the same as the daemon.
                let fromFile = try await scene.colony("saga", "inspect", "once", "--json")
                let fromDaemon = try await scene.colony(["saga", "inspect", "once", "--json"] + server)
                #expect(fromFile.output == fromDaemon.output)
                let closed = try await scene.colony(
                    ["saga", "resolve", "once", "--as", "compensated", "--by", "ann", "--note", "by hand"] + server)
                #expect(closed.code == 0, "\(closed.errors)")
                let ended = try await scene.colony(["saga", "inspect", "once"] + server)
                #expect(ended.output.contains("ann decided: resolve as compensated: by hand"), "\(ended.output)")
                let late = try await scene.colony(["saga", "cancel", "once", "--json"] + server)
                #expect(late.code == 1)
                #expect(try Self.json(late.errors)["code"] as? String == "transaction_ended")
            }
        }
    }
}
