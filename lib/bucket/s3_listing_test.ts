import { expect } from "expect";
import { readListing } from "./s3_listing.ts";

/** As Amazon gives it (S3 API reference, ListObjectsV2), but for its names. */
const AMAZON = `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
    <Name>bucket</Name>
    <Prefix/>
    <KeyCount>2</KeyCount>
    <MaxKeys>1000</MaxKeys>
    <IsTruncated>false</IsTruncated>
    <Contents>
        <Key>disk/d/00ff</Key>
        <LastModified>2009-10-12T17:50:30.000Z</LastModified>
        <ETag>"fba9dede5f27731c9771645a39863328"</ETag>
        <Size>434234</Size>
        <StorageClass>STANDARD</StorageClass>
    </Contents>
    <Contents>
        <Key>disk/m/-._~!*'()=</Key>
        <Owner><ID>8a6925ce4adf588a4532142d3f74dd8c71fa124b</ID><DisplayName>&amp;</DisplayName></Owner>
        <ETag>&quot;70ee1738b6b21e2c8a43f3a5ab0eee71&quot;</ETag>
        <Size>0</Size>
    </Contents>
</ListBucketResult>
`;

/** As Ceph's gateway gives it. */
const CEPH =
  `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bench</Name><Prefix>disk/d/0</Prefix><MaxKeys>1</MaxKeys><IsTruncated>true</IsTruncated><Contents><Key>disk/d/00ff</Key><LastModified>2026-11-27T15:02:56.123Z</LastModified><ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>1</Size><StorageClass>STANDARD</StorageClass><Type>Normal</Type></Contents><Marker></Marker></ListBucketResult>`;

Deno.test("a page is read as stores give it", () => {
  expect(readListing(AMAZON)).toEqual({
    objects: [
      { key: "disk/d/00ff", sizeBytes: 434234 },
      { key: "disk/m/-._~!*'()=", sizeBytes: 0 },
    ],
    isTruncated: false,
  });
  expect(readListing(CEPH)).toEqual({
    objects: [{ key: "disk/d/00ff", sizeBytes: 1 }],
    isTruncated: true,
  });
  const none =
    "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
  expect(readListing(none)).toEqual({ objects: [], isTruncated: false });
});

Deno.test("nothing is made of a page that is cut off anywhere", () => {
  for (const whole of [AMAZON.trimEnd(), CEPH]) {
    for (let length = 0; length < whole.length; length++) {
      expect(readListing(whole.slice(0, length))).toBeUndefined();
    }
  }
});

Deno.test("what has another form is left to whoever knows all of XML", () => {
  const others: readonly [what: string, instead: string][] = [
    ["<Key>disk/d/00ff</Key>", "<Key>disk/d/&#48;0ff</Key>"],
    ["<Key>disk/d/00ff</Key>", "<Key><![CDATA[disk/d/00ff]]></Key>"],
    ["<Key>disk/d/00ff</Key>", "<Key>disk/d/00ff </Key>"],
    ["<Key>disk/d/00ff</Key>", "<Key>disk/d/öff</Key>"],
    ["<Key>disk/d/00ff</Key>", '<Key lang="en">disk/d/00ff</Key>'],
    ["<Key>disk/d/00ff</Key>", "<Key>a</Key><Key>b</Key>"],
    ["<Key>disk/d/00ff</Key>", "<Key/>"],
    ["<Key>disk/d/00ff</Key>", ""],
    ["<Size>1</Size>", ""],
    ["<Size>1</Size>", "<Size>one</Size>"],
    ["<Size>1</Size>", "<Size>1</Size><Size>2</Size>"],
    ["<Size>1</Size>", "<Size>9999999999999999</Size>"],
    ["<Contents>", '<Contents lang="en">'],
    ["<Contents>", "<Contents/><Contents>"],
    ["<Contents>", "<s3:Contents>"],
    ["</Contents>", "</Contents>\n</Contents>"],
    ["<IsTruncated>true</IsTruncated>", ""],
    ["<IsTruncated>true</IsTruncated>", "<IsTruncated>yes</IsTruncated>"],
    ["<Marker>", "<IsTruncated>false</IsTruncated><Marker>"],
    ["<Marker>", "<!-- --><Marker>"],
    ["<ListBucketResult ", "<s3:ListBucketResult "],
    ["<ListBucketResult ", "<html><ListBucketResult "],
    ["</ListBucketResult>", "</ListBucketResult></html>"],
  ];
  for (const [what, instead] of others) {
    const changed = CEPH.replace(what, instead);
    expect(changed).not.toBe(CEPH);
    expect([instead, readListing(changed)]).toEqual([instead, undefined]);
  }
});
