import Instrumentation

/// Carries the trace of a publisher to the handler, in the headers of the message.
///
/// Which headers those are is for the tracer to say that the program has bootstrapped; W3C trace context, for example, has `traceparent`
/// and `tracestate`. Without a tracer nothing is added, and it costs nothing.
///
/// - SeeAlso: W3C, "Trace Context", 2021; OpenTelemetry, "Semantic conventions for messaging spans".
enum TraceHeaders {
    private struct Carrier: Injector, Extractor {
        func inject(_ value: String, forKey key: String, into headers: inout [String: String]) {
            // What the publisher has set itself stays.
            if headers[key] == nil { headers[key] = value }
        }

        func extract(key: String, from headers: [String: String]) -> String? { headers[key] }
    }

    /// Adds the context of the current task.
    static func inject(into headers: inout [String: String]) {
        guard let context = ServiceContext.current else { return }
        InstrumentationSystem.instrument.inject(context, into: &headers, using: Carrier())
    }

    /// The context that a message came with.
    static func context(of headers: [String: String]) -> ServiceContext {
        var context = ServiceContext.current ?? .topLevel
        if !headers.isEmpty {
            InstrumentationSystem.instrument.extract(headers, into: &context, using: Carrier())
        }
        return context
    }
}
