import ColonyProxy
import RealServers
import Testing

/// The corpus as nginx reads it. Where two proxies that may stand behind one another see different messages in the same
/// bytes, requests can be smuggled; so each difference is known by name, with the reason why it does no harm.
@Suite("Framing of HTTP/1.1 beside nginx")
struct NginxDifferentialTests {
    /// What nginx refuses and we accept, by the name of the message. In none of them can an end be seen in two places.
    private static let wider = [
        "a method in small letters is another method": "a token like any other (RFC 9110, section 9.1)",
        "the asterisk": "nginx has no answer to it (RFC 9110, section 9.3.7)",
        "CONNECT": "a head like any other; the proxy answers 405 and closes",
        "an empty Host": "RFC 9112, section 3.2; it is routed to the default host",
        "a length with whitespace around it": "a tabulator is whitespace (RFC 9110, 5.6.3); the line is written anew",
        "chunked with whitespace around it": "as above; the line is always written anew",
    ]

    /// Why we refuse what nginx 1.22 accepts. A refusal smuggles nothing. Later versions of nginx refuse some of it too.
    private static let stricterHeads: [HeadDefect: String] = [
        .tooManyEmptyLines: "nginx skips any number of CR and LF before a request; here they have a bound",
        .methodTooLong: "RFC 9112, section 3",
        .bareLineFeed: "RFC 9112, section 2.2, lets a bare LF end a line; front and back may differ about that",
        .bareCarriageReturn: "RFC 9112, section 2.2; nginx takes one before a request for an empty line",
        .invalidRequestLine: "RFC 9112, section 3, lets a server be generous about whitespace, and need not",
        .invalidVersion: "as above, where the space stands before the version",
        .invalidTarget: "fragments, bytes above 127, and foreign schemes: RFC 9112, section 3.2",
        .invalidFieldName: "nginx leaves such a field out; RFC 9112, section 5.1",
        .controlInValue: "RFC 9110, section 5.5",
        .tooManyFields: "a limit",
        .tooManyConnectionOptions: "a limit",
        .invalidHost: "RFC 9112, section 3.2; nginx drops what it does not understand behind the host",
    ]

    private static let stricterBodies: [BodyDefect: String] = [
        .bareLineFeed: "as in heads: servers have been fooled by just that in chunks",
        .invalidChunkSize: "whitespace behind a size, with no extension: RFC 9112, section 7.1",
        .chunkTooLarge: "a limit on the digits of a size",
        .controlInExtension: "RFC 9112, section 7.1.1",
        .extensionTooLong: "a limit",
        .invalidTrailer: "nginx skips trailers without a look, we hand them on: RFC 9112, section 7.1.2",
        .forbiddenTrailer: "as above: RFC 9110, section 6.5.1",
        .trailersTooLarge: "a limit",
    ]

    private static func knows(_ item: FramingCase, _ events: [WireEvent], isWider: Bool) -> Bool {
        if isWider { return Self.wider[item.name] != nil }
        return switch events.last {
        case .badHead(let defect): Self.stricterHeads[defect] != nil
        case .badBody(let defect): Self.stricterBodies[defect] != nil
        default: false
        }
    }

    @Test(
        "what nginx refuses is refused, and what both accept are the same messages",
        .enabled(if: NginxProcess.isAvailable))
    func sameMessages() throws {
        let nginx = try NginxProcess()
        let memory = try GuardedMemory(capacity: 1 << 17)
        // It shows where the message before it ends, and closes the connection.
        let last = Array("GET /last HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n".utf8)
        var compared = 0
        for item in FramingCorpus.requests where item.answer != .waits && item.limits == HeadLimits() {
            let bytes = item.bytes + last
            let events = WireReading.events(bytes, in: memory)
            let ours = events.count { if case .end = $0 { true } else { false } }
            let statuses = try nginx.statuses(answering: bytes)
            // 405 is a policy: it knows where the message ends, and closes.
            let theirs = statuses.prefix { $0 < 400 || $0 == 405 }.count
            compared += 1
            if statuses.contains(405) || ours == theirs { continue }
            let isKnown = Self.knows(item, events, isWider: ours > theirs)
            #expect(isKnown, "\(item.testDescription): nginx \(statuses), here \(events)")
        }
        #expect(compared > 150)
    }
}
