using System.Text.Json;

namespace XeSvm.Simulation;

/// <summary>A value in a JSON file together with its place, which every error names.</summary>
internal readonly struct PlacedJson(JsonElement element, string path)
{
    private readonly JsonElement _element = element;

    /// <summary>The value's place, as "profile.rows[2].value".</summary>
    public string Path { get; } = path;

    /// <summary>The last part of the place.</summary>
    public string Name => Path[(Path.LastIndexOf('.') + 1)..];

    /// <summary>Whether there is a member.</summary>
    public bool Has(string name) => Object().TryGetProperty(name, out _);

    /// <summary>A member that must be there.</summary>
    public PlacedJson Child(string name) => Object().TryGetProperty(name, out JsonElement child)
        ? new PlacedJson(child, $"{Path}.{name}")
        : throw new FormatException($"{Path}.{name} is missing.");

    /// <summary>A text that must be there.</summary>
    public string Text(string name) => Child(name).AsText();

    /// <summary>A number of 0 or more that must be there.</summary>
    public double Amount(string name) => Child(name).AsAmount();

    /// <summary>A whole number from 1 up that must be there.</summary>
    public int Count(string name)
    {
        PlacedJson child = Child(name);
        return child._element.ValueKind == JsonValueKind.Number && child._element.TryGetInt32(out int count) && count > 0
            ? count
            : throw new FormatException($"{child.Path} is {child._element.GetRawText()}; valid is a whole number from 1 up.");
    }

    /// <summary>True for one text, false for the other.</summary>
    public bool Choice(string name, string yes, string no)
    {
        PlacedJson child = Child(name);
        string text = child.AsText();
        return text == yes || (text == no
            ? false
            : throw new FormatException($"{child.Path} is '{text}'; valid are {yes}, {no}."));
    }

    /// <summary>Two numbers of an object; zeros when there is no such member.</summary>
    public (double First, double Second) Pair(string name, string first, string second)
    {
        if (!Has(name))
        {
            return (0, 0);
        }

        PlacedJson pair = Child(name);
        pair.RequireKnown(first, second);
        return (pair.Amount(first), pair.Amount(second));
    }

    /// <summary>The items of a list; none when there is no such member.</summary>
    public IEnumerable<PlacedJson> Items(string name)
    {
        if (!Has(name))
        {
            return [];
        }

        PlacedJson list = Child(name);
        return list._element.ValueKind == JsonValueKind.Array
            ? list._element.EnumerateArray().Select((item, index) => new PlacedJson(item, $"{list.Path}[{index}]"))
            : throw new FormatException($"{list.Path} is no list.");
    }

    /// <summary>The members of an object.</summary>
    public IEnumerable<PlacedJson> Members()
    {
        string path = Path;
        return Object().EnumerateObject().Select(member => new PlacedJson(member.Value, $"{path}.{member.Name}"));
    }

    /// <summary>Throws for members that nobody knows: most likely misspelt.</summary>
    public void RequireKnown(params string[] names)
    {
        foreach (PlacedJson member in Members())
        {
            if (!names.Contains(member.Name))
            {
                throw new FormatException($"{member.Path} is not known; valid are {string.Join(", ", names)}.");
            }
        }
    }

    /// <summary>The value as text.</summary>
    public string AsText() => _element.ValueKind == JsonValueKind.String && _element.GetString() is { Length: > 0 } text
        ? text
        : throw new FormatException($"{Path} is {_element.GetRawText()}; valid is a text.");

    /// <summary>The value as a number of 0 or more.</summary>
    public double AsAmount() => _element.ValueKind == JsonValueKind.Number && _element.TryGetDouble(out double cost) && cost >= 0 && double.IsFinite(cost)
        ? cost
        : throw new FormatException($"{Path} is {_element.GetRawText()}; valid is a number of 0 or more.");

    /// <summary>The value as a whole number.</summary>
    public int AsInteger() => _element.ValueKind == JsonValueKind.Number && _element.TryGetInt32(out int value)
        ? value
        : throw new FormatException($"{Path} is {_element.GetRawText()}; valid is a whole number.");

    /// <summary>The value as true or false.</summary>
    public bool AsFlag() => _element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw new FormatException($"{Path} is {_element.GetRawText()}; valid are true, false."),
    };

    /// <summary>The value as a name of an enumeration, in any case.</summary>
    public T AsEnum<T>()
        where T : struct, Enum
    {
        string text = AsText();
        return char.IsAsciiLetter(text[0]) && Enum.TryParse(text, ignoreCase: true, out T value) && Enum.IsDefined(value)
            ? value
            : throw new FormatException($"{Path} is '{text}'; valid are {string.Join(", ", Enum.GetNames<T>()).ToLowerInvariant()}.");
    }

    /// <summary>The value as a name that a parser knows; the parser's error gets the place.</summary>
    public string AsKnown(Func<string, string> parse)
    {
        try
        {
            return parse(AsText());
        }
        catch (FormatException error)
        {
            throw new FormatException($"{Path}: {error.Message}", error);
        }
    }

    private JsonElement Object() => _element.ValueKind == JsonValueKind.Object
        ? _element
        : throw new FormatException($"{Path} is no object.");
}
