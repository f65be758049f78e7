import ArgumentParser
import ColonyBalancing
import ColonyCaches
import ColonyCoordination
import ColonyCore
import ColonyIdentifiers
import ColonyProxy
import ColonyQueues
import ColonyResilience
import ColonyServer
import ColonyTransactions
import ColonyWorkloads

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// A failure with the sentence and the exit code that scripts rely on.
struct Failure: Error {
    /// Names for machines, in snake case, as in the HTTP interface.
    let code: String
    let message: String
    let exitCode: ExitCode

    init(_ code: String, _ message: String, exitCode: ExitCode = .failure) {
        self.code = code
        self.message = message
        self.exitCode = exitCode
    }
}

extension ExitCode {
    /// 64 in `sysexits.h`: the words of the command are wrong.
    static let usage = ExitCode(64)
    /// 75 in `sysexits.h`: nothing is wrong, and the same command may do well later.
    static let tryAgainLater = ExitCode(75)

    /// What a failure to make or read an identifier means to a script.
    init(_ error: IdentifierError) {
        switch error.code {
        case .invalidLayout, .invalidRequest, .malformedID, .unsafeNumber: self = .usage
        case .workerLost:
            // A node without a number says what keeps it from one, and that may not pass by waiting.
            self = (error.cause as? IdentifierError).map { ExitCode($0) } ?? .tryAgainLater
        case .tickExhausted, .clockMovedBack, .epochNotBegun, .noWorkerFree: self = .tryAgainLater
        default: self = .failure
        }
    }
}

extension ExitCode {
    /// What a failure of a cache means to a script. That it did not answer is no reason to take an entry for absent.
    init(_ error: CacheError) {
        switch error.code {
        case .invalidConfiguration, .invalidRequest: self = .usage
        case .unavailable, .overloaded: self = .tryAgainLater
        default: self = .failure
        }
    }
}

extension Failure {
    private struct Document: Encodable {
        let code: String
        let detail: String
    }

    /// Ends the process with what `error` means to the caller.
    ///
    /// - Parameter isJSON: Whether the caller is a program, and reads `code` and `detail` from a line of JSON.
    static func exit(with error: any Error, for command: any ParsableCommand.Type, asJSON isJSON: Bool) -> Never {
        if error is ExitCode || Self.isOfTheParser(error) {
            command.exit(withError: error)
        }
        let failure = Failure(describing: error)
        let document = isJSON ? try? JSONText.of(Document(code: failure.code, detail: failure.message)) : nil
        StandardError.write(document ?? "colony: \(failure.message)")
        Self.exit(failure.exitCode)
    }

    static func exit(_ code: ExitCode) -> Never {
        #if canImport(Darwin)
        Darwin.exit(code.rawValue)
        #elseif canImport(Musl)
        Musl.exit(code.rawValue)
        #else
        Glibc.exit(code.rawValue)
        #endif
    }

    init(describing error: any Error) {
        switch error {
        case let failure as Failure:
            self = failure
        case let error as LeaseError:
            self.init(
                Self.snakeCase(error.code.description), error.message,
                exitCode: error.code == .invalidRequest ? .usage : .failure)
        case let error as CoordinationError:
            self.init(
                Self.snakeCase(error.code.description), error.message,
                exitCode: error.code == .invalidRequest ? .usage : .failure)
        case let error as DaemonError:
            let isUsage = [.invalidConfiguration, .unsafeAddress, .invalidStore].contains(error.code)
            self.init(Self.snakeCase(error.code.description), error.message, exitCode: isUsage ? .usage : .failure)
        case let error as IdentifierError:
            self.init(Self.snakeCase(error.code.description), error.message, exitCode: ExitCode(error))
        case let error as CacheError:
            self.init(Self.snakeCase(error.code.description), "\(error.message).", exitCode: ExitCode(error))
        case let error as QueueError:
            self.init(Self.snakeCase(error.code.description), "\(error.message).", exitCode: ExitCode(error))
        case let error as ResilienceError:
            self.init(Self.snakeCase(error.code.description), "\(error.message).", exitCode: ExitCode(error))
        case let error as TransactionError:
            self.init(Self.snakeCase(error.code.description), "\(error.message).", exitCode: ExitCode(error))
        case let error as BalancingError:
            self.init(Self.snakeCase(error.code.description), "\(error.message).", exitCode: .usage)
        case let error as ProxyError:
            self.init(
                Self.snakeCase(error.code.description), "\(error.message).",
                exitCode: error.code == .invalidConfiguration ? .usage : .failure)
        case let error as TraceError:
            self.init(
                Self.snakeCase(error.code.rawValue), error.description,
                exitCode: error.code == .invalidSize ? .usage : .failure)
        case let error as InvalidName:
            self.init("invalid_name", "\(error)", exitCode: .usage)
        default:
            self.init("failed", "\(error)")
        }
    }

    /// Whether the parser made the error, and so knows best how to show it: help, usage, version, completions.
    private static func isOfTheParser(_ error: any Error) -> Bool {
        !(error is Failure || error is LeaseError || error is CoordinationError || error is DaemonError
            || error is IdentifierError || error is CacheError || error is QueueError || error is TraceError
            || error is ResilienceError || error is InvalidName || error is BalancingError || error is ProxyError
            || error is TransactionError)
    }

    private static func snakeCase(_ name: String) -> String {
        name.reduce(into: "") { result, character in
            result += character.isUppercase ? "_\(character.lowercased())" : String(character)
        }
    }
}
