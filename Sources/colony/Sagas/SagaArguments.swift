import ArgumentParser
import ColonyCore
import ColonyTransactions

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// The identifier of a transaction on the command line.
struct TransactionIDArgument: ParsableArguments {
    @Argument(
        help: ArgumentHelp("The transaction: 1 to 100 bytes of UTF-8 without control characters.", valueName: "id"),
        transform: { try TransactionID($0) })
    var id: TransactionID
}

/// Who decides and why, for those who read it later.
struct DecisionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Who decides, for the record. A daemon with tokens writes down the name of the token. (default: your login name)",
            valueName: "name"),
        transform: { try OwnerID($0) })
    var by: OwnerID?

    @Option(help: ArgumentHelp("Why, for the record.", valueName: "text"))
    var note = ""

    /// Who decides.
    ///
    /// - Throws: ``Failure`` if nobody is named and the system knows no name.
    func person() throws -> OwnerID {
        if let by { return by }
        let name = Self.loginName ?? Environment["LOGNAME"] ?? Environment["USER"]
        guard let name, let person = try? OwnerID(name) else {
            throw Failure(
                "invalid_request", "your login name is not known. Say who decides: --by NAME.", exitCode: .usage)
        }
        return person
    }

    private static var loginName: String? {
        guard let entry = getpwuid(getuid()), let name = entry.pointee.pw_name else { return nil }
        return String(cString: name)
    }
}

/// Words of the command line that transactions take.
enum SagaArguments {
    static func states(_ text: String) throws -> [TransactionState] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
            guard let state = TransactionState(rawValue: String(word)) else {
                throw ValidationError(
                    "\(NameRules.quoted(String(word))) is no state; "
                        + "\(TransactionState.allCases.map(\.rawValue).joined(separator: ", ")) are.")
            }
            return state
        }
    }

    static func end(_ text: String) throws -> TransactionState {
        guard let state = TransactionState(rawValue: text), state.isFinal else {
            throw ValidationError("\(NameRules.quoted(text)) is no end; completed and compensated are.")
        }
        return state
    }

    /// Bytes that are JSON.
    static func json(_ text: String) throws -> [UInt8] {
        let bytes = Array(text.utf8)
        guard JSONValue(bytes: bytes) != nil else {
            throw ValidationError("\(NameRules.quoted(text)) is not JSON; '{\"paid\":true}', 4711, and '\"text\"' are.")
        }
        guard bytes.count <= TransactionLimits.payloadBytes else {
            throw ValidationError(
                "an output of \(bytes.count) bytes is too large: \(TransactionLimits.payloadBytes) at the most.")
        }
        return bytes
    }
}
