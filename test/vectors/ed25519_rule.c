/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict Ed25519 rule on the 12 cases of ed25519-speccheck ("Taming the many EdDSAs", Chalkias,
 * Garillot, Nikolaenko, 2020; Apache-2.0), numbered from 0 as published. Implementations disagree
 * on them; under our rule number 3 verifies and no other does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <nz/crypto.h>

#include "../unhex.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define VERIFYING_CASE 3

static const struct {
	const char *message, *public_key, *signature;
} cases[] = {
	{"8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
	 "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	 "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"
	 "0000000000000000000000000000000000000000000000000000000000000000"},
	{"9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
	 "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	 "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43"
	 "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04"},
	{"aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
	 "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
	 "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"
	 "8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e"},
	{"9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
	 "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
	 "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f"
	 "87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009"},
	{"e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
	 "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
	 "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512"
	 "5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09"},
	{"e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
	 "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
	 "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7"
	 "e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405"},
	{"85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
	 "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
	 "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e"
	 "547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514"},
	{"85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
	 "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
	 "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa1942"
	 "7e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22"},
	{"9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
	 "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
	 "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	 "03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f"},
	{"9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
	 "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
	 "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	 "ca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908"},
	{"e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
	 "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	 "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dc"
	 "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04"},
	{"39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
	 "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	 "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dc"
	 "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04"},
};

static void only_case_3_verifies(void **state)
{
	(void)state;
	const struct nz_crypto *crypto = nz_crypto_default();

	assert_int_equal(COUNT(cases), 12);
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t message[32], public_key[32], signature[64];

		unhex_exact(cases[i].message, message, sizeof(message));
		unhex_exact(cases[i].public_key, public_key, sizeof(public_key));
		unhex_exact(cases[i].signature, signature, sizeof(signature));
		print_message("case %zu\n", i);
		assert_int_equal(crypto->ed25519_verify(public_key,
		                                        nz_bytes_of(message, sizeof(message)),
		                                        signature),
		                 i == VERIFYING_CASE ? NZ_OK : NZ_UNVERIFIED);
	}
}

/* The same rule for keys to be pinned: small order in 0, 1, 10 and 11, of which the last two are
   not canonical either. */
static void keys_of_small_order_are_not_acceptable(void **state)
{
	(void)state;
	const struct nz_crypto *crypto = nz_crypto_default();

	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t public_key[32];

		unhex_exact(cases[i].public_key, public_key, sizeof(public_key));
		assert_int_equal(nz_ed25519_key_acceptable(crypto, public_key),
		                 i != 0 && i != 1 && i != 10 && i != 11);
	}
}

/* S + L passes the equation that S passes; only the comparison with L tells them apart. */
static void s_must_be_below_the_group_order(void **state)
{
	(void)state;
	static const char *const order =
		"edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
	const struct nz_crypto *crypto = nz_crypto_default();
	const struct nz_secret seed = {{5, 4, 3}};
	const struct nz_bytes message = nz_bytes_str("malleable");
	struct nz_signer *signer = NULL;
	uint8_t public_key[32], signature[64], l[32];
	unsigned carry = 0;

	unhex_exact(order, l, sizeof(l));
	assert_int_equal(crypto->ed25519_public(&seed, public_key), NZ_OK);
	assert_int_equal(crypto->signer_new(&seed, &signer), NZ_OK);
	assert_int_equal(crypto->sign(signer, message, signature), NZ_OK);
	crypto->signer_free(&signer);
	assert_int_equal(crypto->ed25519_verify(public_key, message, signature), NZ_OK);
	for (size_t i = 0; i < sizeof(l); i++) {
		const unsigned sum = signature[32 + i] + l[i] + carry;

		signature[32 + i] = (uint8_t)(sum & 0xff);
		carry = sum >> 8;
	}
	assert_int_equal(carry, 0);
	assert_int_equal(crypto->ed25519_verify(public_key, message, signature), NZ_UNVERIFIED);
	memcpy(signature + 32, l, sizeof(l));
	assert_int_equal(crypto->ed25519_verify(public_key, message, signature), NZ_UNVERIFIED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_case_3_verifies),
		cmocka_unit_test(keys_of_small_order_are_not_acceptable),
		cmocka_unit_test(s_must_be_below_the_group_order),
	};

	return cmocka_run_group_tests_name("ed25519_rule", tests, NULL, NULL);
}
