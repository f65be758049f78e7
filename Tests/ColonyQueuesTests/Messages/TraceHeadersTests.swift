import ColonyCore
import ColonyMemory
import ColonyQueues
import InMemoryTracing
import Instrumentation
import Synchronization
import Testing
import Tracing

/// A tracer can be bootstrapped once per process, so that all of it is one test.
@Suite("The trace of a message", .timeLimit(.minutes(1)))
struct TraceHeadersTests {
    @Test("leads from the publisher to the handler")
    func propagation() async throws {
        let tracer = InMemoryTracer()
        InstrumentationSystem.bootstrap(tracer)
        let engine = MemoryQueueEngine()
        let queue = MessageQueue<Int>("traced", on: engine)
        let publisher = try await withSpan("order") { span in
            try await queue.publish(7, headers: ["mine": "kept"])
            return span.context.inMemorySpanContext
        }
        let seen = Mutex<(trace: String?, headers: [String: String])>((nil, [:]))
        let consumer = queue.consumer { message in
            seen.withLock { $0 = (ServiceContext.current?.inMemorySpanContext?.traceID, message.headers) }
        }
        let run = Task { try await consumer.run() }
        let deadline = HostClock().now.advanced(by: .seconds(20))
        while consumer.statistics.handled == 0, HostClock().now < deadline { await Task.yield() }
        run.cancel()
        try await run.value
        let (trace, headers) = seen.withLock { $0 }
        #expect(trace != nil && trace == publisher?.traceID, "the handler runs in another trace than the publisher")
        #expect(headers["mine"] == "kept" && headers.count > 1, "the headers are \(headers)")
        let span = try #require(tracer.finishedSpans.first { $0.operationName == "traced process" })
        #expect(span.context.inMemorySpanContext?.traceID == publisher?.traceID)
        #expect(span.kind == .consumer)
    }
}
