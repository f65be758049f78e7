import ColonyCore
import ColonyProxy
import ColonyResilience
import ColonyTransactions
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// Calls the participants of transactions over HTTP.
///
/// Each call has a connection of its own: an answer can then belong to no other call, and a connection that was closed while it was idle
/// can be taken for no answer. A redirect is never followed, since who is called, and at which address, was judged before.
final class ParticipantClient: Sendable {
    /// How long a connection may take to be made. What does not answer a handshake by then does not within the time of the call either.
    static let connectTimeout: Duration = .seconds(10)
    /// The most addresses of a name that are tried.
    static let mostAddresses = 8

    private let rules: AddressRules
    private let keys: [SigningKey]
    private let tls: NIOSSLContext
    private let gate: Bulkhead
    private let names: HostLookup
    private let clock: any MonotonicClock
    private let wallClock: any WallClock

    /// - Parameters:
    ///   - keys: What calls are signed with; none leaves them unsigned.
    ///   - gate: How many calls there may be at a time.
    ///   - names: What finds the addresses of names; of its own, because who begins transactions chooses names, and those that nobody
    ///     answers for must not hold up the look-ups of others.
    init(
        rules: AddressRules, keys: [SigningKey], tls: NIOSSLContext, gate: Bulkhead, names: HostLookup = HostLookup(),
        clock: any MonotonicClock, wallClock: any WallClock
    ) {
        self.rules = rules
        self.keys = keys
        self.tls = tls
        self.gate = gate
        self.names = names
        self.clock = clock
        self.wallClock = wallClock
    }

    /// Calls a participant once.
    ///
    /// - Parameter direction: What it is asked to do, for the header.
    /// - Returns: What it gives: JSON, or nothing.
    /// - Throws: `Refusal` if it says no, and ``UnknownOutcome`` in any other case; cancellation ends the call.
    func call(
        _ address: CallAddress, _ body: [UInt8], _ call: RawCall, as direction: String
    ) async throws -> [UInt8] {
        // Before it takes a place: a name server that is silent keeps nobody from being called.
        let reachable = try await self.addresses(of: address)
        return try await self.gate.execute {
            let head = self.head(address, body, call, as: direction)
            var failure = "\(address.host) has no address"
            for target in reachable.prefix(Self.mostAddresses) {
                try Task.checkCancellation()
                do {
                    let connection = try await self.connect(to: target, address, until: call.deadline, head, body)
                    return try await connection.answer().output()
                } catch let error as ConnectFailure {
                    // Nobody was called yet.
                    failure = error.reason
                }
            }
            throw UnknownOutcome(failure)
        }
    }

    // MARK: Where to

    /// The addresses that may be called. They are asked for each time, and what is judged is what is connected to: the answer for a name
    /// may be another one the next time.
    ///
    /// - Throws: ``UnknownOutcome`` if there are none, and a `TransactionError` with code `invalidDefinition` if there are others only:
    ///   another call would be forbidden as well, so a person has to look.
    private func addresses(of address: CallAddress) async throws -> [SocketAddress] {
        let found: [SocketAddress]
        if let literal = address.literal {
            found = [literal]
        } else {
            // A stream and no continuation, because a call that is given up does not wait for a name server.
            let (answers, answered) = AsyncStream.makeStream(
                of: HostLookup.Answer.self, bufferingPolicy: .bufferingNewest(1))
            self.names.addresses(of: address.host) {
                answered.yield($0)
                answered.finish()
            }
            guard let answer = await answers.first(where: { _ in true }) else { throw CancellationError() }
            switch answer {
            case .success(let addresses):
                found = addresses.map { each in
                    var each = each
                    each.port = address.port
                    return each
                }
            case .failure(let failure): throw UnknownOutcome("\(failure)")
            }
        }
        let allowed = found.filter { self.rules.defect(of: $0) == nil }
        if allowed.isEmpty, !found.isEmpty {
            // Not which address it has: whoever may look at the transaction need not know the names of this network.
            throw TransactionError(
                .invalidDefinition,
                "\(NameRules.quoted(address.host)) may not be called: it has no address of the public internet, and "
                    + "transactions.allow has none of it")
        }
        return allowed
    }

    private struct ConnectFailure: Error {
        let reason: String
    }

    private struct Connection: Sendable {
        let channel: any Channel
        let future: EventLoopFuture<ParticipantAnswer>

        func answer() async throws -> ParticipantAnswer {
            try await withTaskCancellationHandler {
                // A call that was given up while it connected is not made: somebody else may have undone it since.
                if Task.isCancelled { self.channel.close(promise: nil) }
                try Task.checkCancellation()
                self.channel.pipeline.fireUserInboundEventTriggered(ParticipantExchange.Begin())
                return try await self.future.get()
            } onCancel: {
                self.channel.close(promise: nil)
            }
        }
    }

    private func connect(
        to target: SocketAddress, _ address: CallAddress, until deadline: MonotonicInstant, _ head: HTTPRequestHead,
        _ body: [UInt8]
    ) async throws(ConnectFailure) -> Connection {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: ParticipantAnswer.self)
        let limit = max(.milliseconds(1), min(Self.connectTimeout, self.clock.now.duration(to: deadline)))
        let tls = self.tls
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.nanoseconds(limit.clampedNanoseconds))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if address.isSecure {
                        // An address is in no certificate under the name of a host.
                        let name = address.literal == nil ? address.host : nil
                        try pipeline.addHandler(NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(ParticipantExchange(head, body, promise))
                }
            }
        do {
            return Connection(channel: try await bootstrap.connect(to: target).get(), future: promise.futureResult)
        } catch {
            promise.fail(error)
            let shown = "\(target.ipAddress ?? address.host):\(address.port)"
            throw ConnectFailure(reason: "\(shown) cannot be reached: \(Self.sentence(of: error))")
        }
    }

    private static func sentence(of error: any Error) -> String {
        switch error {
        case let error as IOError: error.localizedReason
        case ChannelError.connectTimeout(let limit): "nobody answered within \(limit.nanoseconds / 1_000_000) ms"
        default: "\(error)"
        }
    }

    // MARK: What is said

    private func head(
        _ address: CallAddress, _ body: [UInt8], _ call: RawCall, as direction: String
    ) -> HTTPRequestHead {
        let key = HeaderText.encoded(call.idempotencyKey.rawValue, besides: UInt8(ascii: "."))
        var headers: HTTPHeaders = [
            "Host": address.authority,
            "User-Agent": "colony/\(ServerAbout.version)",
            "Accept": "application/json",
            "Content-Type": "application/json",
            "Content-Length": String(body.count),
            "Connection": "close",
            "Idempotency-Key": key,
            "Colony-Transaction": HeaderText.encoded(call.transaction.rawValue),
            "Colony-Step": HeaderText.encoded(call.barrier.branch.rawValue),
            "Colony-Direction": direction,
            "Colony-Attempt": String(call.attempt),
            Deadline.headerName: Deadline(call.deadline).headerValue(on: self.clock),
        ]
        if !self.keys.isEmpty {
            let signature = CallSignature(signing: body, id: key, at: self.wallClock.now, with: self.keys)
            headers.add(name: CallSignature.idHeader, value: signature.id)
            headers.add(name: CallSignature.timestampHeader, value: String(signature.timestamp))
            headers.add(name: CallSignature.signatureHeader, value: signature.signatures)
        }
        return HTTPRequestHead(version: .http1_1, method: .POST, uri: address.target, headers: headers)
    }
}

/// Names as header fields can carry them.
enum HeaderText {
    /// Percent-encodes what is not printable ASCII, the percent sign, and `other`.
    static func encoded(_ text: String, besides other: UInt8 = 0x25) -> String {
        var result = ""
        for byte in text.utf8 {
            if (0x21...0x7E).contains(byte), byte != UInt8(ascii: "%"), byte != other {
                result.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                result += "%" + NameRules.hexadecimal(byte, digits: 2)
            }
        }
        return result
    }
}

extension IOError {
    fileprivate var localizedReason: String { String(cString: strerror(self.errnoCode)) }
}
