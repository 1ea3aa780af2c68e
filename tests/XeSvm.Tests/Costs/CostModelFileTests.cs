using XeSvm.Costs;

namespace XeSvm.Tests.Costs;

public sealed class CostModelFileTests : IDisposable
{
    private const string Profile =
        """
        { "schema": "xesvm.cost-profile/1", "name": "mine", "description": "d", "unit": "us", "modes": ["lazy"],
          "fixed": 1, "perFolio": 2, "unitCosts": { "link_calls": 3 }, "assumed": { "pte_set": { "low": 1, "high": 2 } },
          "rows": [ { "name": "r", "role": "checked", "pages": 16, "strategy": "iova", "layout": "scattered", "mode": "strict",
                      "walker": "coherent", "value": 5, "source": "s" } ] }
        """;

    private readonly string _path = Path.GetTempFileName();

    [Fact]
    public void A_file_is_found_by_its_path()
    {
        File.WriteAllText(_path, Profile);

        CostModel model = CostModel.Load(_path);

        Assert.Equal(("mine", _path, 1.0, 2.0), (model.Name, model.Origin, model.FixedCost, model.CostPerFolio));
        Assert.Equal([new KeyValuePair<string, double>("link_calls", 3)], model.UnitCosts);
        Assert.Equal(["r"], CostRowSelection.Select(CostModel.Load("xe-2026-01"), [_path]).Select(row => row.Name));
    }

    [Theory]
    [InlineData("xe-2027")]
    [InlineData("")]
    [InlineData("no/such/file.json")]
    [InlineData("with\0zero")]
    public void A_name_that_is_none_is_refused_with_the_names_that_there_are(string name)
    {
        CostModelException exception = Assert.Throws<CostModelException>(() => CostModel.Load(name));

        Assert.Contains("built in are xe-2026-01, xe-2026-01-strict, flat", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_or_a_file_without_end_is_no_profile()
    {
        Assert.Contains("cannot be read", Refused(Path.GetTempPath()), StringComparison.Ordinal);
        Assert.Contains("larger than", Refused("/dev/zero"), StringComparison.Ordinal);

        static string Refused(string path) => Assert.Throws<CostModelException>(() => CostModel.Load(path)).Message;
    }

    [Fact]
    public void A_profile_cut_off_anywhere_is_refused_with_the_files_name()
    {
        for (int length = 0; length < Profile.TrimEnd().Length; length++)
        {
            CostModelException exception = Assert.Throws<CostModelException>(() => CostModel.Parse(Profile[..length], "cut.json"));
            Assert.StartsWith("cut.json: ", exception.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("xesvm.cost-profile/1", "xesvm.cost-profile/2", "profile.schema is 'xesvm.cost-profile/2'; this version reads 'xesvm.cost-profile/1'")]
    [InlineData("\"fixed\": 1", "\"fixed\": -1", "profile.fixed is -1; valid is a number of 0 or more")]
    [InlineData("\"fixed\": 1", "\"fixed\": 1e300", "profile.fixed is 1E+300; valid is a number up to")]
    [InlineData("\"link_calls\": 3", "\"link_calls\": -3", "profile.unitCosts.link_calls is -3")]
    [InlineData("\"link_calls\": 3", "\"link_calls\": 1e40", "profile.unitCosts.link_calls is 1E+40")]
    [InlineData("link_calls", "links", "profile.unitCosts.links is no counter; the counters are")]
    [InlineData("\"pages\": 16", "\"pages\": 2000000000", "profile.rows 'r': 2000000000 pages are not valid; 1 to 8192 are")]
    [InlineData("\"value\": 5", "\"value\": 0", "profile.rows 'r': value is 0")]
    [InlineData("\"name\": \"mine\"", "\"name\": \"\\ud800\"", "")]
    [InlineData("\"us\"", "\"ms\"", "profile.unit is 'ms'; valid are us, units")]
    [InlineData("\"strategy\": \"iova\"", "\"strategy\": 7", "profile.rows[0].strategy: profile.rows[0].strategy is 7")]
    public void A_wrong_value_is_refused_with_its_place(string good, string bad, string expected)
    {
        Assert.True(Profile.Contains(good, StringComparison.Ordinal));

        CostModelException exception = Assert.Throws<CostModelException>(
            () => CostModel.Parse(Profile.Replace(good, bad, StringComparison.Ordinal), "mine.json"));

        Assert.StartsWith("mine.json: " + expected, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_are_found_by_name_size_and_role_each_once()
    {
        CostModel model = CostModel.Load("xe-2026-01");

        Assert.Equal(["iova 64K"], Names("iova 64K", "iova 64K"));
        Assert.Equal(["iova 64K", "per-page 64K regressed", "per-page 64K"], Names("iova 64K", "64k"));
        Assert.Equal(6, Names("Predicted").Length);
        Assert.Equal(["iova-runs 2M", "iova-runs 64K"], Names("explained"));
        Assert.Contains("iova-runs 64K", CostRowSelection.Select(model, ["64K"], explained: true).Select(row => row.Name));

        string[] Names(params string[] selectors) => [.. CostRowSelection.Select(model, selectors).Select(row => row.Name)];
    }

    [Theory]
    [InlineData("xe-2026-01", "iova 1G", "'iova 1G' names no row of profile 'xe-2026-01'; valid is a row's name")]
    [InlineData("xe-2026-01", "7", "'7' names no row")]
    [InlineData("xe-2026-01", "4K", "'4K' finds no row in profile 'xe-2026-01'. Its rows are 'per-page 2M regressed'")]
    [InlineData("flat", "2M", "'2M' finds no row in profile 'flat'. Its rows are none")]
    public void A_selector_that_finds_nothing_is_refused_with_the_rows_that_there_are(string profile, string selector, string expected)
    {
        CostModelException exception = Assert.Throws<CostModelException>(() => CostRowSelection.Select(CostModel.Load(profile), [selector]));

        Assert.StartsWith(expected, exception.Message, StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(_path);
}
