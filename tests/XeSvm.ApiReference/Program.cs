// Writes the API reference of the libraries as pages for a browser: XeSvm.ApiReference FOLDER.
// Ends with 1 when a public member is not described or a reference in a description leads nowhere.
using XeSvm.ApiReference;

if (args is not [{ Length: > 0 } folder])
{
    Console.Error.WriteLine("usage: XeSvm.ApiReference FOLDER");
    return 2;
}

ReferenceSite site = ReferenceSite.Of(ApiModel.OfLibraries());
foreach (string problem in site.Problems)
{
    Console.Error.WriteLine($"XeSvm.ApiReference: {problem}");
}

site.WriteTo(folder);
Console.WriteLine($"{Path.Combine(folder, ReferenceSite.IndexName)}: {site.Pages.Count} pages, {site.Problems.Count} problems");
return site.Problems.Count == 0 ? 0 : 1;
