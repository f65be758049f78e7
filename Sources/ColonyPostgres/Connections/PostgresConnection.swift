#if Postgres
internal import CLibPQ
import ColonyCore

/// One connection of a pool and what it is doing. Used on the pool's thread only.
final class PostgresConnection {
    enum Phase {
        case connecting
        case idle(since: MonotonicInstant)
        /// A statement is being prepared; then the call goes on.
        case preparing(PostgresCall, since: MonotonicInstant)
        case busy(PostgresCall, since: MonotonicInstant)
        /// What a session has left is being cleared away, before anybody else comes.
        case clearing(since: MonotonicInstant)
        case broken(PostgresFailure)
    }

    /// What the socket must become before there is something to do.
    struct Interest {
        var reads = true
        var writes = false
    }

    private let handle: OpaquePointer
    private(set) var phase = Phase.connecting
    private(set) var interest = Interest(reads: false, writes: true)
    /// When an attempt to connect, or what is under way, has taken too long.
    private(set) var deadline: MonotonicInstant
    /// Whether the channel is listened to here.
    private(set) var isListening = false
    /// Whose it is until the transaction ends; nobody else uses it meanwhile.
    private(set) var session: PostgresSession?
    /// Whether the server ever let us in.
    private(set) var wasConnected = false
    private var prepared: Set<String> = []
    private var answer: PostgresCall.Outcome?
    /// Whether statements were sent together, so that each group of answers ends with a mark.
    private var isPipelined = false

    /// Begins to connect; `nil` if there is no memory for it.
    init?(_ parameters: [(String, String)], deadline: MonotonicInstant) {
        self.deadline = deadline
        guard let handle = Self.start(parameters) else { return nil }
        self.handle = handle
        // Otherwise the library would write notices to the process's standard error.
        PQsetNoticeProcessor(handle, { _, _ in }, nil)
        PQsetErrorVerbosity(handle, PQERRORS_VERBOSE)
        if PQstatus(handle) == CONNECTION_BAD { self.breakOff(.connecting(Self.message(of: handle))) }
    }

    deinit {
        PQfinish(self.handle)
    }

    var socket: Int32 { PQsocket(self.handle) }

    var isIdle: Bool { if case .idle = self.phase { true } else { false } }
    /// Whether it has no work and belongs to no session.
    var isFree: Bool { self.isIdle && self.session == nil }
    var isConnecting: Bool { if case .connecting = self.phase { true } else { false } }

    /// Whether the channel is going to be listened to here.
    var isAboutToListen: Bool {
        if case .busy(let call, _) = self.phase, case .listen = call.work { true } else { false }
    }

    var isClearing: Bool { if case .clearing = self.phase { true } else { false } }

    /// The call that is under way here.
    var call: PostgresCall? {
        switch self.phase {
        case .preparing(let call, _), .busy(let call, _): call
        case .connecting, .idle, .clearing, .broken: nil
        }
    }

    private static func start(_ parameters: [(String, String)]) -> OpaquePointer? {
        var keys: [UnsafePointer<CChar>?] = []
        var values: [UnsafePointer<CChar>?] = []
        var copies: [UnsafeMutablePointer<CChar>] = []
        defer { for copy in copies { copy.deallocate() } }
        func copied(_ text: String) -> UnsafePointer<CChar> {
            let bytes = text.utf8CString
            let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
            bytes.withUnsafeBufferPointer { buffer in
                if let base = buffer.baseAddress { copy.initialize(from: base, count: buffer.count) }
            }
            copies.append(copy)
            return UnsafePointer(copy)
        }
        for (key, value) in parameters {
            keys.append(copied(key))
            values.append(copied(value))
        }
        keys.append(nil)
        values.append(nil)
        return PQconnectStartParams(keys, values, 0)
    }

    private static func message(of handle: OpaquePointer) -> String {
        guard let text = PQerrorMessage(handle) else { return "libpq gave no reason" }
        return String(cString: text)
    }

    private static let copies = PostgresFailure(
        kind: .refused(sqlState: "0A000"), message: "COPY is not possible here: give rows as parameters")

    private var lostConnection: PostgresFailure {
        let lines = Self.message(of: self.handle).split(whereSeparator: \.isNewline).map {
            $0.drop(while: \.isWhitespace)
        }
        let reason = lines.isEmpty ? "the connection was closed" : lines.joined(separator: "; ")
        return PostgresFailure(kind: .unreachable, message: reason)
    }

    /// Ends the connection, with this for who waits for its answer.
    func breakOff(_ failure: PostgresFailure) {
        self.call?.finish(.failure(failure))
        self.phase = .broken(failure)
    }
}

// MARK: - Sending

extension PostgresConnection {
    /// Sends a call to the server. The connection must be idle.
    ///
    /// - Parameter listenCommand: What is sent for a call that wants the channel to be listened to.
    func send(_ call: PostgresCall, listenCommand: String, at now: MonotonicInstant) {
        self.deadline = call.deadline
        self.answer = nil
        self.session = call.session
        let isSent: Bool
        switch call.work {
        case .listen:
            isSent = PQsendQuery(self.handle, listenCommand) == 1
            self.phase = .busy(call, since: now)
        case .script(let sql):
            isSent = PQsendQuery(self.handle, sql) == 1
            self.phase = .busy(call, since: now)
        case .direct(let sql, let parameters):
            isSent = self.query(sql, parameters)
            self.phase = .busy(call, since: now)
        case .opening(let sql, let parameters):
            isSent = self.open(sql, parameters)
            self.phase = .busy(call, since: now)
            call.session?.begin()
        case .closing(let sql):
            isSent = self.close(sql)
            self.phase = .busy(call, since: now)
        case .prepared(let statement, _) where !self.prepared.contains(statement.name):
            isSent = PQsendPrepare(self.handle, statement.name, statement.sql, 0, nil) == 1
            self.phase = .preparing(call, since: now)
        case .prepared(let statement, let parameters):
            isSent = self.execute(statement, parameters)
            self.phase = .busy(call, since: now)
        }
        if isSent { self.flush() } else { self.breakOff(self.lostConnection) }
    }

    private func query(_ sql: String, _ parameters: [String?] = []) -> Bool {
        Self.withPointers(to: parameters) { pointers in
            PQsendQueryParams(self.handle, sql, Int32(parameters.count), nil, pointers, nil, nil, 0) == 1
        }
    }

    /// Sends the beginning of a transaction and its first statement together; if the beginning fails, the statement is not run.
    private func open(_ sql: String, _ parameters: [String?]) -> Bool {
        self.isPipelined = PQenterPipelineMode(self.handle) == 1
        return self.isPipelined && self.query("BEGIN") && self.query(sql, parameters)
            && PQpipelineSync(self.handle) == 1
    }

    /// Sends the end of a transaction and what clears the connection together, each with a mark of its own, so that the second is run
    /// whatever becomes of the first.
    private func close(_ sql: String) -> Bool {
        self.isPipelined = PQenterPipelineMode(self.handle) == 1
        return self.isPipelined && self.query(sql) && PQpipelineSync(self.handle) == 1
            && self.query(PostgresSession.clearing) && PQpipelineSync(self.handle) == 1
    }

    /// Makes the connection as a new one. If that fails it is given up, and what was left in it goes with it.
    private func clear(after session: PostgresSession, at now: MonotonicInstant) {
        self.deadline = now.advanced(by: session.clearingLimit)
        self.phase = .clearing(since: now)
        if PQsendQuery(self.handle, PostgresSession.clearing) == 1 {
            self.flush()
        } else {
            self.breakOff(self.lostConnection)
        }
    }

    private func execute(_ statement: PostgresStatement, _ parameters: [String?]) -> Bool {
        Self.withPointers(to: parameters) { pointers in
            PQsendQueryPrepared(self.handle, statement.name, Int32(parameters.count), pointers, nil, nil, 0) == 1
        }
    }

    private static func withPointers(
        to parameters: [String?], _ body: ([UnsafePointer<CChar>?]) -> Bool
    ) -> Bool {
        var pointers: [UnsafePointer<CChar>?] = []
        pointers.reserveCapacity(parameters.count)
        // All values in one buffer, each ended by a zero.
        var bytes: [CChar] = []
        var offsets: [Int?] = []
        for parameter in parameters {
            guard let parameter else {
                offsets.append(nil)
                continue
            }
            offsets.append(bytes.count)
            bytes.append(contentsOf: parameter.utf8CString)
        }
        return bytes.withUnsafeBufferPointer { buffer in
            for offset in offsets { pointers.append(offset.flatMap { buffer.baseAddress?.advanced(by: $0) }) }
            return body(pointers)
        }
    }

    private func flush() {
        switch PQflush(self.handle) {
        case 0: self.interest = Interest(reads: true, writes: false)
        case 1: self.interest = Interest(reads: true, writes: true)
        default: self.breakOff(self.lostConnection)
        }
    }
}

// MARK: - Receiving

extension PostgresConnection {
    /// Does what has become possible.
    ///
    /// - Returns: The payloads of the notifications that came.
    func progress(canRead: Bool, at now: MonotonicInstant) -> [String] {
        switch self.phase {
        case .connecting:
            self.connect(at: now)
            return []
        case .idle, .preparing, .busy, .clearing:
            if self.interest.writes { self.flush() }
            if canRead { self.receive(at: now) }
            return self.takeNotifications()
        case .broken:
            return []
        }
    }

    private func connect(at now: MonotonicInstant) {
        switch PQconnectPoll(self.handle) {
        case PGRES_POLLING_READING:
            self.interest = Interest(reads: true, writes: false)
        case PGRES_POLLING_WRITING:
            self.interest = Interest(reads: false, writes: true)
        case PGRES_POLLING_OK:
            PQsetErrorVerbosity(self.handle, PQERRORS_DEFAULT)
            guard PQsetnonblocking(self.handle, 1) == 0 else {
                self.breakOff(self.lostConnection)
                return
            }
            self.interest = Interest(reads: true, writes: false)
            self.wasConnected = true
            self.phase = .idle(since: now)
        default:
            self.breakOff(.connecting(Self.message(of: self.handle)))
        }
    }

    private func receive(at now: MonotonicInstant) {
        guard PQconsumeInput(self.handle) == 1 else {
            // The server may have said why before it hung up.
            self.collect()
            if case .failure(let failure)? = self.answer, failure.sqlState != nil {
                self.breakOff(failure)
            } else {
                self.breakOff(self.lostConnection)
            }
            return
        }
        while self.collect() {
            self.end(at: now)
            // What was sent behind it may have been answered as well.
            guard self.isPipelined else { break }
        }
        if PQstatus(self.handle) == CONNECTION_BAD { self.breakOff(self.lostConnection) }
    }

    /// Takes the results that have come.
    ///
    /// - Returns: Whether the answer is complete.
    @discardableResult
    private func collect() -> Bool {
        guard self.call != nil || self.isClearing else { return false }
        var isBetween = false
        while PQisBusy(self.handle) == 0 {
            guard let result = PQgetResult(self.handle) else {
                guard self.isPipelined else { return true }
                // Once between two statements that were sent together; again only if there are no more, because the connection is lost.
                if isBetween { return false }
                isBetween = true
                continue
            }
            isBetween = false
            defer { PQclear(result) }
            switch PQresultStatus(result) {
            case PGRES_PIPELINE_SYNC: return true
            case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
                // It goes on for as long as nobody copies, and nobody does.
                self.breakOff(Self.copies)
                return false
            default: break
            }
            if case .failure? = self.answer { continue }
            self.answer = self.outcome(of: result)
        }
        return false
    }

    private func outcome(of result: OpaquePointer) -> PostgresCall.Outcome {
        let sentAt: MonotonicInstant =
            switch self.phase {
            case .preparing(_, let since), .busy(_, let since), .idle(let since), .clearing(let since): since
            case .connecting, .broken: self.deadline
            }
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            return .success(PostgresAnswer(sentAt: sentAt, rows: [], command: Self.command(of: result)))
        case PGRES_TUPLES_OK:
            let columns = PQnfields(result)
            var rows: [[String?]] = []
            rows.reserveCapacity(Int(PQntuples(result)))
            for row in 0..<PQntuples(result) {
                rows.append(
                    (0..<columns).map { column in
                        if PQgetisnull(result, row, column) == 1 { return nil }
                        return PQgetvalue(result, row, column).map { String(cString: $0) }
                    })
            }
            return .success(PostgresAnswer(sentAt: sentAt, rows: rows, command: Self.command(of: result)))
        default:
            func field(_ code: UInt8) -> String? {
                PQresultErrorField(result, Int32(code)).map { String(cString: $0) }
            }
            // As postgres_ext.h names them: C is the SQLSTATE, M the primary message.
            guard let state = field(UInt8(ascii: "C")) else { return .failure(self.lostConnection) }
            let message = field(UInt8(ascii: "M")) ?? "the server gave no reason"
            return .failure(PostgresFailure(kind: .refused(sqlState: state), message: message))
        }
    }

    private static func command(of result: OpaquePointer) -> String {
        PQcmdStatus(result).map { String(cString: $0) } ?? ""
    }

    /// The answer is complete.
    private func end(at now: MonotonicInstant) {
        let outcome =
            self.answer ?? .failure(PostgresFailure(kind: .unreachable, message: "the server gave no answer"))
        self.answer = nil
        switch self.phase {
        case .preparing(let call, let since):
            guard case .prepared(let statement, let parameters) = call.work, case .success = outcome else {
                self.phase = .idle(since: now)
                call.finish(outcome)
                return
            }
            self.prepared.insert(statement.name)
            self.phase = .busy(call, since: since)
            if self.execute(statement, parameters) { self.flush() } else { self.breakOff(self.lostConnection) }
        case .busy(let call, let since):
            if case .closing = call.work {
                self.phase = .clearing(since: since)
                self.deadline = now.advanced(by: call.session?.clearingLimit ?? .zero)
                call.finish(outcome)
                return
            }
            if case .listen = call.work, case .success = outcome { self.isListening = true }
            self.phase = .idle(since: now)
            self.leavePipeline()
            // The session ends with its transaction, however that has ended.
            if self.isIdle, let session = self.session, PQtransactionStatus(self.handle) == PQTRANS_IDLE {
                self.clear(after: session, at: now)
            }
            call.finish(outcome)
        case .clearing:
            self.phase = .idle(since: now)
            self.leavePipeline()
            // The statement before has not ended the transaction; whoever sent it rolls back.
            guard PQtransactionStatus(self.handle) == PQTRANS_IDLE else { return }
            self.session = nil
            // They are gone with everything else.
            self.prepared = []
            if case .failure(let failure) = outcome { self.breakOff(failure) }
        case .connecting, .idle, .broken:
            break
        }
    }

    /// Goes back to one statement at a time.
    private func leavePipeline() {
        guard self.isPipelined else { return }
        self.isPipelined = false
        if PQexitPipelineMode(self.handle) != 1 { self.breakOff(self.lostConnection) }
    }

    private func takeNotifications() -> [String] {
        var payloads: [String] = []
        while let notification = PQnotifies(self.handle) {
            if let payload = notification.pointee.extra { payloads.append(String(cString: payload)) }
            PQfreemem(notification)
        }
        return payloads
    }
}
#endif
