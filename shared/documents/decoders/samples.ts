/** One text in every compression, made with the usual commands: this is what their own encoders give. */

/** 10,000 lines, 430 KB. */
export const TEXT = Buffer.from(
  Array.from({ length: 10_000 }, (_, n) => `Filename: pool/main/p/package-${n % 7}_${n % 11}_all.deb\n`).join(''),
);

const base64 = (...lines: string[]): Buffer => Buffer.from(lines.join(''), 'base64');

/** `xz -6 --block-size=100000`: five blocks, CRC-64. */
export const XZ = base64(
  '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4YafAQtdACMaSYZqNVWl+K42VPXhx4Cc0V9p2h7eG7srTR0JWa3CR61Lsv98CijeZSo9SeH7ylA6pKuZRGy26v4qioBon0MXwK',
  '1fcK9jD4XDQ2pHi9iojY/Xvq4rt6QkRUr+ZlvN3bb5kQQheEf9IzfwDUjVwMoGFurzFvQukpmxLsvRd1JxAnLv6dX5wvGg/V/3vkIIJJsy7CxMjI6U+ZDkKDv/6ZWPOXll',
  'gmaIJ7Gj4vIpdxHO+nIAoBgmsljK+hWzYDoyhofjFfni8kdh3Cdxu9y4Z6QNaGtJz0VFDnCnlaVeZDpJOG/nQ208woU4BPVP4G/mAGGlBbMIBdmjqvcEcW8/S42loGkjgd',
  'tZI5LwAAAAYMqQhy/lk3ICACEBFgAAAHQv5aPhhp8BCF0AMJssXGQzS58Mcjc/n1DXomYBtwXu0WDsnDItPO1sSHMPkLSEWXY3+xQ95lLM7xodLOue7546Fu7F4UvJ9cfO',
  'ZibrcJcw4G324QtV1GLsUliBFK6YXqQvqoR0HWFxtupCcM4Q5EZ5vbtLKG//f/qxWogweM51dyH2mjxLGC86NX691RKWiieLHPQHJTH+KYqPmeKngOWWCP2lfWtvH+HS0d',
  '2Ay/lH8Uo4Lww9cDxDrDdE3OMRVbouBXfHtCr/xO9UdRPIb9EtTW4xWlHDxK5ePrsBKGmSr8ce/tDbc6aJRyfvP6FrweeeYtlcxTx2ogLIFs+w/i1iszY9lv/U0kXYraOK',
  'i0YVs/QAAIedj4N30L9zAgAhARYAAAB0L+Wj4YafAQBdADOZQaHqXQQYnAtkmOmtPUbpcNDG9NuAbh3ih9nHEoKcvnlRBm+IZ4/KZ9IEp2ErJ956uDcU54XWBTVXHiBna1',
  'vJ/xa080EncrqedBTNb5IQhZQmEA4jh1WB01htAujhBmCAyzyPY02H0HjPMSk6jJ/jU+m8lvrlsyq+VJ0TamqTCyNFoSKOjgoCvhj4VyEOGQiM1IZEtmj4FNfhCE3L90q6',
  'Ur6Jc/Uy8SrEpr+SUDihURppfTDpt1sEkF0ViqhknXGdJIRhm+JXGKC5xwISr6o0/zTqMcrxDC+iSjztAhOq5cID1G3ums40lW/gwGQK8Wzk1Na4DLg3Ocp7pBOlxQAA3H',
  'D1xY1mLsYCACEBFgAAAHQv5aPhhp8BAF0AF5wcBMJiqa/9P91Q7TS1VIv5jhLcSB8aRPd6QvAZZU/zff1xlDUUMqs0NvRFE26fGqbyz/L7UIZZVI2PCDj0nv3EDGSxEI2e',
  '79/ukEhnSRE/fsiDK++y0x1tnU59jYVmlXhsidUWjm8z6NtS4ghCNO3eFaN3HV/hKcYMkge7CG4SpH8RK9ZvRcoY/sXzWNzsXuWz9AeUcnuOHJwrYlUY/WWJRCxJR2tn8n',
  'QposGGSeBazJGkqpr2fqTaqhkFdHUw1luHLZZmkG8QSgzczObVUDW8KOB0andnV5DRFHD7Sz+OX0ZKMt0TE6upSRfGbvolAfvwwGfYUftPfDxWnVR4AADU3BlNhWDe9QIA',
  'IQEWAAAAdC/lo+BRrADlXQA34axebTEKuPPri7DUp0eAPJ/zq6KX9p6lPPwqKBXnX/zJZTYg132vPHG5g6vHFs7OD8r1rRyd2KgIVHts8NJob6bxG4U0a3RlVh5vvS6QGl',
  'dvyHOx8+f0kw9KpWzr3p/rl5LLhaGQzjdW1rGCJf/QC5jC8crXEqljzfKKlsnKagDJjEbiWNTXRpPMIjgyxcox3tbQgcKVNe1Yi1gVXdDgOWHTlWdKAZcxFRwf8xyiwORz',
  'zubxMIT7aSbFY+4Yd9YnvM9lytuRtrif26H86hGdvnNDJH82VAIJzoru7u93eOMumXEAAAAAAKkSoy+yH9KtAAWnAqCNBqQCoI0GnAKgjQacAqCNBoECraMBAJVmEckCVa',
  'qrBwAAAAAEWVo=',
);

/** `bzip2 -1`: five blocks. */
export const BZIP2 = base64(
  'QlpoMTFBWSZTWV0lTcAALt/fgAAQQAP/8AEAAAC+r8AAUAOeeiAAIAxgAAAADGAAAAAMYAAAAAj9Uqg/9VT36qgANAAKUqTEaB6Ro0D01OlQkcxEjrUJH7VCRrUJG1QkeB',
  'JPNV1qsqso0NDcGhobg0NDQ3Eq3EkwUsokwUsokwUsokwUsokwUsokwFLiIkcqrtgkR0qtKrvDxDyweYegTBAgTBAgQIECBAgTBAgQIECBAmCYIECBAgQIEwQIECBAgQJg',
  'gQIECBAgTBAgQIECBAmCBAgQIECBMEDogQObBAgQJg5TBoaECBMECB1B7ByDgKGhQoULgoUKFDgLg0KFChQuChQocYKGhQoUKFC4KFDgKG4KFChQoULgocBQ0LgoUKFChQ',
  'uDgLg0KFwUKFCi5VXKq0qEjtUJHpUJGlQkewiRzqEj8qEj6qEjWoSOIiRrUJHURI4VCR/CJGVCRrUJHdUJGwiRsIkb6hI2ESMESN1QkeQiRvESNBEjgqEjYRI/zFBWSZTW',
  'clGqT0AR2ZfgAAQQAP/8AEAAAC+r8AAUAO+ekAAIDGMAAAAAYwAAAABjAAAAADeqlRH/6qnv1VTTJiPSAAUpUmQDR6geiHqep8VCRpUJGoiR+KhI2ESNxEjvok86rVVlVl',
  'HA4HA4HA4HA4HIOEq4USYKWEkwUsJJgpZRJgpYSTBSyiTARFEkRJhJESe0HmFD6B6B6h7BQoUKFChYKFgoUKFChQoWChQoUKFChYKFChQoUKFgoUKFChQoWChQoUKFChYL',
  'BQoUKFChQsFChQoUKFCwUKFgofEOwcgoUKFCh4B9oOwdBg4GgwYMGDBg0HQaDgYNBgwYMGDB0GDgYMGgwYMGDB0GDgYMGDQYMGDB0Gg4GDBgwaDBgwdQYOBgwYMGDQYMq9',
  'BEjYRI/pCndiBL1qEj2qEjSoSPsRI6VCRsIkdtQkbVCRrUJHIRI/ahIwRI2ESOyoSN6hI3qEjjUJG9QkZUJHARI8qhI41CRpUJHIIkb1CR4xQVkmU1nlJlGyADgI34AAEE',
  'AD//ABAAAAvq/AAFADnnogACAMYAAAAAxgAAAADGAAAAAI/VKqM/9VPeqoCMAIApSpM1Gg2oDQPU9T2ESPOoSOtQkflUJG1Qkb1CR3USeNV1qsqso3BoaG4NDQ0NDQ0lXC',
  'iTBSyiTBSyiTBSyiTBSwkmClhJMBS0qEjmIketV0qtKrUP0H7DyCBAmCBAgQIECBAmCBAgQIECBMECBAgQIECYJggQIECBAgTBAgQIECBAmCBAgQIECBMECBAgQIECYIEC',
  'BMECBAmDnQPToHqGhwOBwOYOgUPULg4FwaFChQoXBQoUOYKGhQoUKFC4KFDgUNwUKFChQoXBQ4FDQuChQoUKFC4OBQ0KFwUKFChQocChoUKFwUKFChzqulQkbVCR/VCRqI',
  'kelQkaiJH3UJHyIkbVCRpUJHxsIkZUJHKoSP0RIyoSNqhI7BEjeoSNxEjiIkb1CRlQkcKhI8KhI41CRrUJHJUJG9Qkf5igrJMprJPe5mSAVATvwAAIIAH/+ACAAABfV+AA',
  'KAHfPSAAEAMYAAAAAxgAAAADGAAAAAG9VKiP/1VPfqqmmTEekAApSlGQNGQPUD01PeoSOgiRrUJH7VCRtUJG9Qkd5JOVVrVZVZRwOBwOBwOByDgcDkSrQkmCllEmCllEmC',
  'llEmCllEmCllEmAiLJEiJMJIiT2DzCh9A9A9Q9oKFChQoWChYKFChQoUKFgoUKFChQoWChQoUKFChYKFChQoUKFgoUKFChQoWChQoWChQoWD4WCh3BYKFChQoUKFgoUPiH',
  'YOBYKFChQ8A+wdoOgwcDBoMGDBgwYOgwcDBg0GDBg0GDoMHAwYMGgwYMGg6DQcDBgwYNBgwYOoMHAwYMGDBoMGDoMHIMGDBgwYNBqrPSoSNqhI6iJHOoSPURI6VCR+VCR9',
  'VCRtUJHERI2qEjWoSOFQkf1QkYIkbVCR2VCRuIkb1CR21CRuIkYIkaVCR5SUcsRAacBEjmIkcVQkbiJH+YoKyTKazUiBlmAAKjL8AACCAB//gAgAAAX1fgACABPgAADGAA',
  'AAAMYAAAAAxgAAAABNVKo2/VTfqqBhGQPU9T7lB5yg9yg/iUHYKdOFSu5QdRV7/WcOTk4cnDhycnDk4cSfAVcRcqVxFypXEXBVxFwVcRcFXIi8ZQZKDy9TynjPM8J6T1Mm',
  'TDDJhhhhkyYZMmTDDJkwyZMmGGTJhhkyYYZMmTDJkwwyZMmGTJhhhkyYZMmGGGTDDJkyYYZMMMnQ9pwwyZMMnjPwex1mnJpps2abNmnU05NmmmzZps2dTZw2bNNNmzTTrN',
  'OTTZs002bNOppybNNmzTTZs6mzhs2abNmmmz7FB2KD/Sg8ig9JQeZQfsoPyUHYoMlB2KD3lB0KD+yg5KDsUHxKDvKDvKDwKDvKDkoPhKD5yg8JQeUoOkUHeUH/F3JFOFCQ',
  '6pN4fg',
);

/** `zstd -19 --check`: a window, several blocks, a checksum. */
export const ZSTD = base64(
  'KLUv/QRofAUAogcXEIB9QDKVpBkUc7e8gxNmjBMKmfIqoWM+oWPKq3TKq4SOeXRMeZWQeZXQMaWxpRI6pjz80tiCr6BKMCGIDjwGmgILkJWOnCN8+KLaiGfspJN9oyaZ8x',
  '5c1XHXfF9ZqBHh4fp/BtCVljUCCT4h+D8h2JS//xlU86xs1StyW1sEMbeiVwZmpZXhpYhwEKkFsLQIYm5FrwysqXSjEoEEiFRZQJEC7aJcwmEkpQbbVVQAAAABAP3/a/q5',
  'BgJEAAAAAQD9/zkAAj0AAAABACrsDoA7K/Fr',
);

/** `zstd -19 --no-check of a file`: one segment, its size in the header. */
export const ZSTD_SIZED = base64(
  'KLUv/aAtbAYAfAUAogcXEIB9QDKVpBkUc7e8gxNmjBMKmfIqoWM+oWPKq3TKq4SOeXRMeZWQeZXQMaWxpRI6pjz80tiCr6BKMCGIDjwGmgILkJWOnCN8+KLaiGfspJN9oy',
  'aZ8x5c1XHXfF9ZqBHh4fp/BtCVljUCCT4h+D8h2JS//xlU86xs1StyW1sEMbeiVwZmpZXhpYhwEKkFsLQIYm5FrwysqXSjEoEEiFRZQJEC7aJcwmEkpQbbVVQAAAABAP3/',
  'a/q5BgJEAAAAAQD9/zkAAj0AAAABACrsDoA=',
);

/** `lz4 -9 -B4 -BD -BX`: blocks of 64 KiB that lean on those before, with checksums. */
export const LZ4 = base64(
  'BCJNGFRArrACAAD/G0ZpbGVuYW1lOiBwb29sL21haW4vcC9wYWNrYWdlLTBfMF9hbGwuZGViCioACz8xXzEqABQ/Ml8yKgAUPzNfMyoAFD80XzQqABQ/NV81KgAUPzZfNi',
  'oAFD8wXzcmARYfOCYBFh85JgEWLzEwJwEWHzAnARYfMScBFh8yJwEWHzMnARYfNCcBFh81JwEWHzYmARYfNyYBFh84JgEWHzkmARYfMXQDFx8wJwEWHzEnARYfMicBFh8z',
  'JwEWHzQnARYfNScBFh82JgEWHzcmARYfOCYBFh85JgEWHzF0AxcfMCcBFh8xJwEWHzInARYfMycBFh80JwEWHzUnARYfNiYBFh83JgEWHzgmARYfOecGFw90AxcfMMIFFw',
  '8nARYfMicBFh8zJwEWHzQnARYfNScBFh82JgEWHzcmARYfOCYBFh855wYXD3QDFx8wwgUXDycBFh8yJwEWHzMnARYfNCcBFh81JwEWHzYmARYfNyYBFh84JgEWHznnBhcP',
  'dAMXDzUJFx8xJwEWHzInARYfMycBFh80JwEWHzUnARYfNiYBFh83JgEWHzgmARYfOecGFw50Aw+pDP////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '////////////8rUGRlYgpGr1MK/goBAAAPqQz/////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////6FBkZWIKRt9m',
  'ugQKAQAAD6kM//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '/////////////////////////////////////////////////////////////////////////////////////////////+hQZWIKRmmExC8aCgEAAA+pDP////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '/////////////////////////////////////////////////////////////////////oUGViCkZphMQvGgoBAAAPqQz/////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '////////////////////////////////////////////6FBiCkZpbB4mowwKAQAAD6kM//////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '///////////////////+hQYgpGaWweJqMMdgAAAA+pDP//////////////////////////////////////////////////////////////////////////////////////',
  '/////////////////////////////////////////////////////////4FQLmRlYgq8dtvqAAAAAEgEnX8=',
);

/** `lz4 -9 -B7 --no-frame-crc --content-size of a file`: one block. */
export const LZ4_SIZED = base64(
  'BCJNGGhgLWwGAAAAAADpIQgAAP8bRmlsZW5hbWU6IHBvb2wvbWFpbi9wL3BhY2thZ2UtMF8wX2FsbC5kZWIKKgALPzFfMSoAFD8yXzIqABQ/M18zKgAUPzRfNCoAFD81Xz',
  'UqABQ/Nl82KgAUPzBfNyYBFh84JgEWHzkmARYvMTAnARYfMCcBFh8xJwEWHzInARYfMycBFh80JwEWHzUnARYfNiYBFh83JgEWHzgmARYfOSYBFh8xdAMXHzAnARYfMScB',
  'Fh8yJwEWHzMnARYfNCcBFh81JwEWHzYmARYfNyYBFh84JgEWHzkmARYfMXQDFx8wJwEWHzEnARYfMicBFh8zJwEWHzQnARYfNScBFh82JgEWHzcmARYfOCYBFh855wYXD3',
  'QDFx8wwgUXDycBFh8yJwEWHzMnARYfNCcBFh81JwEWHzYmARYfNyYBFh84JgEWHznnBhcPdAMXHzDCBRcPJwEWHzInARYfMycBFh80JwEWHzUnARYfNiYBFh83JgEWHzgm',
  'ARYfOecGFw90AxcPNQkXHzEnARYfMicBFh8zJwEWHzQnARYfNScBFh82JgEWHzcmARYfOCYBFh855wYXDnQDD6kM//////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '//////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////////',
  '/////////////////////////////////////////////////////////////JUC5kZWIKAAAAAA==',
);

/** `lz4 of 128 bytes of noise`: a block that is not compressed. */
export const LZ4_STORED = base64(
  'BCJNGGRAp4AAAIBf7Otm/8hvONlSeGxtaWx5wtvCOd1OkbRnKdc6J/tX6WuGsnP/NPzhnWuATv9aP1dHraTqoi8dScAeUt23h1tL1HNeOiZeFu7gP1lxi5tdAwGcB9i2xR',
  '+Q2jpmbuwTqzVOB0CFYr7bi2DOBcHez+OtFrciMJZ94B9kC35HKbSfzgAAAAA3sy8d',
);
