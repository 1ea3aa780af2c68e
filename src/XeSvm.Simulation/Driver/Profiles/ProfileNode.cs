using System.Globalization;
using System.Text.Json;

namespace XeSvm.Simulation.Driver.Profiles;

/// <summary>
/// A value in a device profile's JSON together with its place. A value that is not valid adds a fault, which says what is valid, and reads as
/// a default: so one reading finds all faults.
/// </summary>
internal readonly struct ProfileNode(JsonElement element, string path, List<string> faults)
{
    private readonly JsonElement _element = element;
    private readonly string _path = path;
    private readonly List<string> _faults = faults;

    private bool IsMissing => _element.ValueKind == JsonValueKind.Undefined;

    /// <summary>A member that must be there.</summary>
    public ProfileNode this[string name]
    {
        get
        {
            ProfileNode member = Optional(name);
            if (member.IsMissing)
            {
                Fault($"{_path}.{name} is missing");
            }

            return member;
        }
    }

    /// <summary>Adds a fault about this value.</summary>
    public void Reject(string valid)
    {
        if (!IsMissing)
        {
            Fault($"{_path} is {_element.GetRawText()}; valid is {valid}");
        }
    }

    /// <summary>Whether there is a member.</summary>
    public bool Has(string name) => !Optional(name).IsMissing;

    /// <summary>A member that may be left out; reading it gives defaults without a fault.</summary>
    public ProfileNode Optional(string name) =>
        new(_element.ValueKind == JsonValueKind.Object && _element.TryGetProperty(name, out JsonElement member) ? member : default, $"{_path}.{name}", _faults);

    /// <summary>Adds a fault unless this is an object, and one for each member that nobody knows: most likely misspelt.</summary>
    public void RequireObject(params ReadOnlySpan<string> names)
    {
        if (_element.ValueKind != JsonValueKind.Object)
        {
            Reject("an object");
            return;
        }

        foreach (JsonProperty member in _element.EnumerateObject())
        {
            if (!names.Contains(member.Name))
            {
                Fault($"{_path}.{member.Name} is not known; known are {string.Join(", ", names)}");
            }
        }
    }

    public string Text()
    {
        if (_element.ValueKind == JsonValueKind.String && _element.GetString() is { Length: > 0 } text)
        {
            return text;
        }

        Reject("a text");
        return "";
    }

    public bool Flag()
    {
        if (_element.ValueKind is not (JsonValueKind.True or JsonValueKind.False))
        {
            Reject("true or false");
        }

        return _element.ValueKind == JsonValueKind.True;
    }

    /// <summary>A whole number within bounds, both included.</summary>
    public ulong Number(ulong least, ulong most)
    {
        if (_element.ValueKind == JsonValueKind.Number && _element.TryGetUInt64(out ulong value) && value >= least && value <= most)
        {
            return value;
        }

        Reject(string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}"));
        return least;
    }

    /// <summary>A whole number as a text of hexadecimal digits after 0x.</summary>
    public ushort Hexadecimal()
    {
        if (_element.ValueKind == JsonValueKind.String && _element.GetString() is { } text && text.StartsWith("0x", StringComparison.Ordinal)
            && ushort.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ushort value))
        {
            return value;
        }

        Reject("a text from \"0x0\" to \"0xffff\"");
        return 0;
    }

    /// <summary>Numbers between points, as "20.1".</summary>
    public uint[] Version(int parts)
    {
        string[] texts = _element.ValueKind == JsonValueKind.String ? _element.GetString()!.Split('.') : [];
        var numbers = new uint[parts];
        bool valid = texts.Length == parts;
        for (int i = 0; i < parts && valid; i++)
        {
            valid = uint.TryParse(texts[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]) && numbers[i] <= ushort.MaxValue;
        }

        if (!valid)
        {
            Reject($"a text such as \"{string.Join('.', Enumerable.Range(1, parts))}\"");
        }

        return valid ? numbers : new uint[parts];
    }

    /// <summary>One of some words.</summary>
    public int Choice(params ReadOnlySpan<string> words)
    {
        int index = _element.ValueKind == JsonValueKind.String ? words.IndexOf(_element.GetString()!) : -1;
        if (index < 0)
        {
            Reject($"one of \"{string.Join("\", \"", words)}\"");
        }

        return Math.Max(index, 0);
    }

    /// <summary>The items of a list whose length is within bounds.</summary>
    public ProfileNode[] Items(int least, int most)
    {
        if (_element.ValueKind == JsonValueKind.Array && _element.GetArrayLength() is int count && count >= least && count <= most)
        {
            string place = _path;
            List<string> faults = _faults;
            return [.. _element.EnumerateArray().Select((item, index) => new ProfileNode(item, $"{place}[{index}]", faults))];
        }

        if (_element.ValueKind == JsonValueKind.Array)
        {
            Fault($"{_path} has {_element.GetArrayLength()} items; valid are {least} to {most}");
        }
        else
        {
            Reject("a list");
        }

        return [];
    }

    private void Fault(string text) => _faults.Add(text + ".");
}
