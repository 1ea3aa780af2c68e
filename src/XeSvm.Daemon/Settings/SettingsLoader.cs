using System.Text.Json;

namespace XeSvm.Daemon.Settings;

/// <summary>Reads the configuration: defaults, then the file, then the environment, then the command line. Finds all faults at once.</summary>
internal sealed class SettingsLoader
{
    /// <summary>The file that is read when none is named; it may be missing.</summary>
    internal const string DefaultFile = "/etc/xesvmd/xesvmd.json";

    internal const string FileVariable = SettingTable.VariablePrefix + "CONFIG";

    private const string FileOption = "--config";
    private const long LargestFile = 1 << 20;

    private readonly IReadOnlyList<string> _arguments;
    private readonly IReadOnlyDictionary<string, string> _environment;

    /// <summary>Makes a loader; every <see cref="Load"/> reads the file again.</summary>
    /// <param name="arguments">The command line behind the verb.</param>
    /// <param name="environment">The environment.</param>
    internal SettingsLoader(IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        _arguments = arguments;
        _environment = environment;
    }

    /// <summary>Reads everything.</summary>
    /// <exception cref="SettingsException">Something is wrong; nothing was taken over.</exception>
    internal LoadedSettings Load()
    {
        List<string> errors = [];
        List<(string Origin, string Key, string Value)> given = [];
        string? file = null;
        List<(string Origin, string Key, string Value)> commandLine = ReadCommandLine(errors, ref file);
        file ??= _environment.GetValueOrDefault(FileVariable);
        ReadFile(file ?? DefaultFile, isDefault: file is null, given, errors);
        ReadEnvironment(given, errors);
        given.AddRange(commandLine);

        DaemonSettings settings = new();
        Dictionary<string, string> origins = [];
        foreach ((string origin, string key, string value) in given)
        {
            settings = Apply(settings, origin, key, value, origins, errors);
        }

        errors.AddRange(SettingTable.Contradictions(settings));
        return errors.Count == 0
            ? new LoadedSettings(settings, origins, given.GroupBy(item => item.Key).ToDictionary(group => group.Key, group => group.Last().Value))
            : throw new SettingsException(errors);
    }

    private static DaemonSettings Apply(
        DaemonSettings settings, string origin, string key, string value, Dictionary<string, string> origins, List<string> errors)
    {
        if (SettingTable.Find(key) is not { } setting)
        {
            errors.Add($"{origin}: there is no setting '{key}'; '{SettingTable.Nearest(key)}' is the nearest.");
            return settings;
        }

        try
        {
            settings = setting.Apply(settings, value);
            origins[key] = origin;
        }
        catch (Exception exception) when (exception is FormatException or ArgumentException)
        {
            errors.Add($"{origin}: {key} is '{value}': {exception.Message.TrimEnd('.')}.");
        }

        return settings;
    }

    private List<(string Origin, string Key, string Value)> ReadCommandLine(List<string> errors, ref string? file)
    {
        const string Origin = "command line";
        List<(string, string, string)> given = [];
        for (int index = 0; index < _arguments.Count; index++)
        {
            string argument = _arguments[index];
            int equals = argument.IndexOf('=', StringComparison.Ordinal);
            string name = equals < 0 ? argument : argument[..equals];
            if (!name.StartsWith("--", StringComparison.Ordinal))
            {
                errors.Add($"{Origin}: '{argument}' is not an option; --KEY VALUE and --KEY=VALUE are, with the keys of the configuration.");
                continue;
            }

            if (equals < 0 && index + 1 == _arguments.Count)
            {
                errors.Add($"{Origin}: {name} has no value.");
                continue;
            }

            string value = equals < 0 ? _arguments[++index] : argument[(equals + 1)..];
            if (name == FileOption)
            {
                file = value;
            }
            else
            {
                given.Add((Origin, name[2..], value));
            }
        }

        return given;
    }

    private void ReadEnvironment(List<(string Origin, string Key, string Value)> given, List<string> errors)
    {
        const string Origin = "environment";
        foreach ((string name, string value) in _environment.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (!name.StartsWith(SettingTable.VariablePrefix, StringComparison.Ordinal) || name == FileVariable)
            {
                continue;
            }

            if (SettingTable.All.FirstOrDefault(setting => setting.Variable == name) is { } setting)
            {
                given.Add((Origin, setting.Key, value));
            }
            else
            {
                string nearest = SettingTable.Find(SettingTable.Nearest(name[SettingTable.VariablePrefix.Length..].ToLowerInvariant().Replace('_', '.')))!.Variable;
                errors.Add($"{Origin}: there is no setting {name}; {nearest} is the nearest.");
            }
        }
    }

    private static void ReadFile(string path, bool isDefault, List<(string Origin, string Key, string Value)> given, List<string> errors)
    {
        try
        {
            if (isDefault && !File.Exists(path))
            {
                return;
            }

            if (new FileInfo(path).Length > LargestFile)
            {
                errors.Add($"{path}: is larger than {LargestFile} bytes.");
                return;
            }

            using JsonDocument document = JsonDocument.Parse(
                File.ReadAllText(path),
                new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, MaxDepth = 8, AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
            {
                errors.Add($"{path}: is not a JSON object.");
                return;
            }

            Flatten(path, "", document.RootElement, given, errors);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException or ArgumentException or NotSupportedException)
        {
            errors.Add($"{path}: {exception.Message}");
        }
    }

    private static void Flatten(string path, string prefix, JsonElement element, List<(string Origin, string Key, string Value)> given, List<string> errors)
    {
        foreach (JsonProperty property in element.EnumerateObject())
        {
            string key = prefix.Length == 0 ? property.Name : $"{prefix}.{property.Name}";
            switch (property.Value.ValueKind)
            {
                case JsonValueKind.Object:
                    Flatten(path, key, property.Value, given, errors);
                    break;
                case JsonValueKind.Array when property.Value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String):
                    given.Add((path, key, string.Join(',', property.Value.EnumerateArray().Select(item => item.GetString()))));
                    break;
                case JsonValueKind.String or JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False:
                    given.Add((path, key, property.Value.ToString().Replace("True", "true", StringComparison.Ordinal).Replace("False", "false", StringComparison.Ordinal)));
                    break;
                default:
                    errors.Add($"{path}: {key} is neither text, a number, true, false, a list of texts nor a group of settings.");
                    break;
            }
        }
    }
}

/// <summary>A configuration that was read.</summary>
/// <param name="Settings">The settings.</param>
/// <param name="Origins">Where each key that is not at its default came from.</param>
/// <param name="Values">The values of these keys.</param>
internal sealed record LoadedSettings(DaemonSettings Settings, IReadOnlyDictionary<string, string> Origins, IReadOnlyDictionary<string, string> Values)
{
    /// <summary>A key's value, its default if nothing set it.</summary>
    internal string ValueOf(Setting setting) => Values.GetValueOrDefault(setting.Key, setting.Default);
}
