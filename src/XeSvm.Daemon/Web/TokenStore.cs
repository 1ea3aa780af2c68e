using System.Security.Cryptography;
using System.Text;
using XeSvm.Daemon.Logs;
using XeSvm.Daemon.Settings;

namespace XeSvm.Daemon.Web;

/// <summary>The token that opens what is not open to everybody on this machine. Only its digest is kept.</summary>
internal sealed class TokenStore
{
    /// <summary>Characters of a token at least.</summary>
    internal const int Shortest = 16;

    private const int Longest = 4096;
    private const string Credential = "token";
    private readonly string? _credentials;
    private readonly FaultLog _faults;
    private byte[]? _digest;

    internal TokenStore(SettingsHolder settings, IReadOnlyDictionary<string, string> environment, FaultLog faults)
    {
        _credentials = environment.GetValueOrDefault("CREDENTIALS_DIRECTORY");
        _faults = faults;
        Read(settings.Current);
        settings.Changed += Read;
    }

    /// <summary>Whether there is a token.</summary>
    internal bool HasToken => Volatile.Read(ref _digest) is not null;

    /// <summary>Compares in a time that does not depend on what is right.</summary>
    internal bool Matches(ReadOnlySpan<char> token)
    {
        byte[]? digest = Volatile.Read(ref _digest);
        if (digest is null || token.Length > Longest)
        {
            return false;
        }

        Span<byte> given = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(token.ToString()), given);
        return CryptographicOperations.FixedTimeEquals(given, digest);
    }

    private void Read(DaemonSettings settings)
    {
        string? path = settings.TokenFile.Length > 0 ? settings.TokenFile : _credentials is null ? null : Path.Combine(_credentials, Credential);
        if (path is null || (settings.TokenFile.Length == 0 && !File.Exists(path)))
        {
            Volatile.Write(ref _digest, null);
            return;
        }

        try
        {
            string token = File.ReadAllText(path).Trim();
            bool valid = token.Length is >= Shortest and <= Longest;
            Volatile.Write(ref _digest, valid ? SHA256.HashData(Encoding.UTF8.GetBytes(token)) : null);
            if (valid)
            {
                _faults.Clear("token");
            }
            else
            {
                _faults.Report("token", $"{path} holds {token.Length} characters; {Shortest} to {Longest} are valid. Without a token nothing that needs one is served.");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Volatile.Write(ref _digest, null);
            _faults.Report("token", exception.Message);
        }
    }
}
