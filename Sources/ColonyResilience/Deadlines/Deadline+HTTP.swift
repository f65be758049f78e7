public import ColonyCore

extension Deadline {
    /// The header that carries a deadline over HTTP, as the milliseconds that are left when the request is sent.
    ///
    /// A duration and not a point in time: the clocks of two hosts differ, often by more than what is left. The time on the wire is not
    /// taken off, so the server may work for nobody for as long as the request took to arrive, and never gives up too early.
    public static let headerName = "Colony-Deadline-Ms"

    /// The longest time that a header can ask for; more is taken as this much.
    public static let longestHeader: Duration = .seconds(86_400)

    /// The value of the header now. A deadline that has passed is 0.
    public func headerValue(on clock: any MonotonicClock = HostClock()) -> String {
        // Rounded down: whoever gets it must not think that there is more time than there is.
        String(min(self.remaining(on: clock), Self.longestHeader).clampedMilliseconds)
    }

    /// Reads a header.
    ///
    /// - Parameter text: Decimal digits, as ``headerValue(on:)`` makes them.
    /// - Throws: ``ResilienceError`` with code `invalidRequest`, which quotes the text.
    public init(header text: some StringProtocol, on clock: any MonotonicClock = HostClock()) throws(ResilienceError) {
        guard (1...15).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let milliseconds = Int64(text)
        else {
            throw ResilienceError(
                .invalidRequest,
                "\(Self.headerName) is \(NameRules.quoted(String(text.prefix(64)))): milliseconds in decimal digits are needed"
            )
        }
        self.init(after: min(.milliseconds(milliseconds), Self.longestHeader), on: clock)
    }
}
