import ColonyCore
import ColonyResilience
import ColonySimulation
import Foundation
import Testing

@Suite("Policies")
struct PolicyTests {
    private func policy(_ text: String) throws -> Policy {
        try JSONDecoder().decode(Policy.self, from: Data(text.utf8))
    }

    @Test func `settings become layers in the right order`() async throws {
        let clock = ManualClock()
        let policy = try self.policy(
            """
            {"timeout": "2s", "retry": {"attempts": 4, "initial": "50ms", "maximum": "1s", "budget": 0.5},
             "breaker": {"failure_rate": 0.25, "window": "10s", "minimum_calls": 10, "slow_after": "1s", "wait": "5s", "probes": 2},
             "limit": {"permits": 100, "per": "1s", "burst": 20, "wait": "100ms"},
             "bulkhead": {"calls": 20, "waiting": 50, "wait": "500ms"}, "attempt_timeout": "500ms"}
            """)
        let pipeline = try policy.makePipeline(name: "users", clock: clock, generator: SeededGenerator(seed: 1))
        let layers = pipeline.layers
        #expect(layers.inner?.limit == .milliseconds(500))
        #expect(layers.outer.inner?.options.limit == 20 && layers.outer.inner?.options.maximumWaiting == 50)
        #expect(layers.outer.outer.inner?.options.maximumWait == .milliseconds(100))
        let breaker = try #require(layers.outer.outer.outer.inner)
        #expect(breaker.name == "users" && breaker.options.probes == 2 && breaker.options.window == .time(.seconds(10)))
        #expect(breaker.options.slowCalls?.duration == .seconds(1))
        #expect(layers.outer.outer.outer.outer.inner?.options.attempts == 4)
        #expect(layers.outer.outer.outer.outer.outer?.limit == .seconds(2))
        let left = try await pipeline.execute { Deadline.current?.remaining(on: clock) }
        #expect(left == .milliseconds(500))
    }

    @Test func `what is left out is no layer`() async throws {
        let pipeline = try self.policy("{}").makePipeline(name: "nothing")
        #expect(try await pipeline.execute { Deadline.current } == nil)
        let some = try self.policy(#"{"retry": {}, "breaker": {}}"#)
        #expect(some.retry == RetryPolicy() && some.breaker == BreakerPolicy() && some.limit == nil)
        _ = try some.makePipeline(name: "defaults")
        // A first wait that is longer than the standard longest one raises that.
        let slow = try self.policy(#"{"retry": {"initial": "9s"}}"#)
        #expect(slow.retry?.maximum == .seconds(9))
    }

    @Test(arguments: [
        (#"{"timout": "2s"}"#, "\"timout\" is no setting here; known are timeout, retry"),
        (#"{"retry": {"tries": 3}}"#, "\"tries\" is no setting here; known are attempts"),
        (#"{"timeout": "2"}"#, "timeout: \"2\" cannot be a duration: the unit is missing"),
        (#"{"breaker": {"wait": "soon"}}"#, "wait: \"soon\" cannot be a duration"),
        (#"{"limit": {"per": "1s"}}"#, "permits is missing"),
        (#"{"bulkhead": {}}"#, "calls is missing"),
    ])
    func `settings that cannot be read are refused and quoted`(text: String, reason: String) {
        let error = #expect(throws: DecodingError.self) { try self.policy(text) }
        #expect("\(error as Any)".replacing("\\", with: "").contains(reason), "\(error as Any)")
    }

    @Test(arguments: [
        (#"{"timeout": "0s"}"#, "0.0 seconds"), (#"{"retry": {"attempts": 0}}"#, "0 attempts"),
        (#"{"retry": {"budget": -0.5}}"#, "-0.5"), (#"{"breaker": {"failure_rate": 1.5}}"#, "1.5"),
        (#"{"breaker": {"window_calls": 10, "window": "1s"}}"#, "10 calls or at 1.0 seconds"),
        (#"{"breaker": {"slow_rate": 0.3}}"#, "a rate of 0.3 slow calls"),
        (#"{"breaker": {"slow_rate": 1.0}}"#, "a rate of 1.0 slow calls"),
        (#"{"limit": {"permits": -1, "per": "1s"}}"#, "-1 permits"), (#"{"bulkhead": {"calls": 0}}"#, "0 calls"),
        (#"{"attempt_timeout": "0ms"}"#, "0.0 seconds"),
    ])
    func `settings that cannot work are refused when the pipeline is made`(text: String, reason: String) throws {
        let policy = try self.policy(text)
        let error = #expect(throws: ResilienceError.self) { try policy.makePipeline(name: "x") }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains(reason) == true, "\(error?.message ?? "")")
    }
}
